// The picture with boxes, tags and trails, all in pixels of the source's frame.

/** How much of an object's way is drawn. */
const TRAIL_MS = 1500;
const TAG_PX = 12;

class Stage {
  constructor() {
    this.screen = document.getElementById('screen');
    this.canvas = document.getElementById('picture');
    this.overlay = document.getElementById('overlay');
    this.boxes = document.getElementById('boxes');
    this.tags = document.getElementById('tags');
    this.trails = document.getElementById('trails');
    this.ruler = document.createElement('canvas').getContext('2d');
    this.scoreMin = 0;
    this.hidden = new Set();
    this.ways = new Map();
    this.widths = new Map();
    /** The message that is shown, and its picture. */
    this.seen = null;
    this.bitmap = null;
    this.next = null;
    this.isBusy = false;
    this.shownAt = 0;
    new ResizeObserver(() => this.draw()).observe(this.screen);
  }

  /** Shows a picture together with what was seen in it. While one is decoded, only the newest waits. */
  async show(seen, jpeg, onShown) {
    this.next = {seen, jpeg};
    if (this.isBusy) return;
    this.isBusy = true;
    while (this.next) {
      const {seen, jpeg} = this.next;
      this.next = null;
      try {
        const bitmap = await createImageBitmap(jpeg);
        if (this.isFrozen) { bitmap.close(); continue; }
        if (this.bitmap) this.bitmap.close();
        [this.bitmap, this.seen, this.shownAt] = [bitmap, seen, performance.now()];
        this.follow(seen);
        this.drawPicture();
        this.draw();
        onShown(seen);
      } catch (error) {
        console.warn('a picture cannot be shown', error);
      }
    }
    this.isBusy = false;
  }

  /** The detections that are shown. */
  visible() {
    if (!this.seen) return [];
    return this.seen.detections.filter((d) => d.score >= this.scoreMin && !this.hidden.has(d.class));
  }

  follow(seen) {
    const now = seen.captured_monotonic_ns / 1e6;
    const newest = this.lastAt;
    if (newest !== undefined && (now < newest || now - newest > 2000)) this.ways.clear();
    this.lastAt = now;
    for (const d of seen.detections) {
      if (!d.track) continue;
      const [x0, , x1, y1] = d.box_px;
      if (!this.ways.has(d.track.id)) this.ways.set(d.track.id, {points: []});
      const way = this.ways.get(d.track.id);
      way.class = d.class;
      way.points.push([(x0 + x1) / 2, y1, now]);
    }
    for (const [id, way] of this.ways) {
      way.points = way.points.filter((point) => now - point[2] <= TRAIL_MS);
      if (!way.points.length) this.ways.delete(id);
    }
  }

  drawPicture() {
    const {canvas, bitmap} = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    }
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
  }

  draw() {
    if (!this.seen) return;
    const {frame_width_px: width, frame_height_px: height} = this.seen;
    this.overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
    if (this.width !== width || this.height !== height) {
      this.screen.style.aspectRatio = `${width} / ${height}`;
      [this.width, this.height] = [width, height];
    }
    // Pixels of the frame in one of the screen: tags have the same size on every screen.
    const unit = Math.max(width / this.screen.clientWidth, height / this.screen.clientHeight) || 1;
    const found = this.visible();
    pool(this.boxes, found.length, () => group('halo', 'box'));
    // The best is drawn last, so that it lies on top.
    found.forEach((d, index) => drawBox(this.boxes.children[found.length - 1 - index], d));
    this.drawTags(found, unit);
    this.drawTrails();
  }

  /** Tags lie above all boxes; the best are placed first, and who finds no place goes without. */
  drawTags(found, unit) {
    const isSmall = this.screen.clientWidth < 600;
    const size = (isSmall ? TAG_PX - 2 : TAG_PX) * unit;
    const taken = [];
    const tags = [];
    for (const d of found) {
      const words = d.track && !isSmall ? `${d.class} ${percent(d)} #${d.track.id}` : `${d.class} ${percent(d)}`;
      const spot = this.spot(d.box_px, this.measure(words) * size / TAG_PX + 8 * unit, size + 5 * unit, unit, taken);
      if (!spot) continue;
      taken.push(spot);
      tags.push([d, words, spot]);
    }
    pool(this.tags, tags.length, () => group('plate', 'text'));
    tags.forEach(([d, words, spot], index) => {
      const [plate, text] = this.tags.children[index].children;
      const colour = colourOf(d.class);
      place(plate, ...spot);
      plate.setAttribute('rx', 3 * unit);
      plate.setAttribute('fill', colour);
      if (text.textContent !== words) text.textContent = words;
      text.setAttribute('x', spot[0] + 4 * unit);
      text.setAttribute('y', spot[1] + size + unit);
      text.setAttribute('font-size', size);
      text.setAttribute('fill', isDark(colour) ? '#fff' : '#000');
    });
  }

  /** Above the box, below it or inside at its top, where nothing is yet. */
  spot([x0, y0, , y1], width, height, unit, taken) {
    const left = Math.max(0, Math.min(x0 - unit, this.width - width));
    const isFree = (y) => taken.every(([tx, ty, tw, th]) => left >= tx + tw || tx >= left + width || y >= ty + th || ty >= y + height);
    const isInside = (y) => y >= 0 && y + height <= this.height;
    const top = [y0 - height, y1, y0 + 2 * unit].find((y) => isInside(y) && isFree(y));
    return top === undefined ? null : [left, top, width, height];
  }

  drawTrails() {
    // Of objects that are shown: ways of those that are gone would lead to nothing.
    const shown = this.visible().map((d) => d.track && this.ways.get(d.track.id)).filter((way) => way && way.points.length > 1);
    pool(this.trails, 2 * shown.length, () => node('polyline', 'trail'));
    shown.forEach((way, index) => {
      const half = Math.floor(way.points.length / 2);
      [way.points.slice(0, half + 1), way.points.slice(half)].forEach((points, part) => {
        const line = this.trails.children[2 * index + part];
        line.setAttribute('points', points.map((p) => `${p[0].toFixed(1)},${p[1].toFixed(1)}`).join(' '));
        line.setAttribute('stroke', colourOf(way.class));
        line.setAttribute('stroke-opacity', part ? 0.75 : 0.3);
      });
    });
  }

  measure(words) {
    if (!this.widths.has(words)) {
      if (this.widths.size > 2000) this.widths.clear();
      this.ruler.font = `600 ${TAG_PX}px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif`;
      this.widths.set(words, this.ruler.measureText(words).width);
    }
    return this.widths.get(words);
  }

  /** The picture with its boxes as a file to keep. */
  snapshot() {
    if (!this.seen) return;
    const sheet = document.createElement('canvas');
    [sheet.width, sheet.height] = [this.canvas.width, this.canvas.height];
    const pen = sheet.getContext('2d');
    pen.drawImage(this.canvas, 0, 0);
    const scale = sheet.width / this.seen.frame_width_px;
    const size = Math.max(11, Math.round(sheet.height / 40));
    pen.font = `600 ${size}px sans-serif`;
    pen.lineWidth = Math.max(2, sheet.height / 240);
    for (const d of this.visible().reverse()) {
      const [x0, y0, x1, y1] = d.box_px.map((edge) => edge * scale);
      const colour = colourOf(d.class);
      const words = `${d.class} ${percent(d)}`;
      pen.strokeStyle = pen.fillStyle = colour;
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
      const top = Math.max(0, y0 - size * 1.3);
      pen.fillRect(x0, top, pen.measureText(words).width + 8, size * 1.3);
      pen.fillStyle = isDark(colour) ? '#fff' : '#000';
      pen.fillText(words, x0 + 4, top + size);
    }
    const time = new Date(this.seen.captured_unix_ns / 1e6).toISOString().replace(/[:.]/g, '-');
    sheet.toBlob((blob) => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `lookout-${time}-${this.seen.sequence}.jpg`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, 'image/jpeg', 0.92);
  }
}

function node(name, kind) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  if (kind) made.setAttribute('class', kind);
  return made;
}

/** A group of a rectangle of this kind and of another shape. */
function group(first, second) {
  const made = node('g');
  made.append(node('rect', first), node(second === 'text' ? 'text' : 'rect', second));
  return made;
}

function drawBox(made, d) {
  const [x0, y0, x1, y1] = d.box_px;
  const [halo, box] = made.children;
  for (const rect of [halo, box]) place(rect, x0, y0, x1 - x0, y1 - y0);
  box.setAttribute('stroke', colourOf(d.class));
  box.setAttribute('fill', colourOf(d.class));
  box.classList.toggle('faint', d.score < 0.3);
}

function colourOf(name) {
  return CLASSES[name] || '#ffffff';
}

function percent(d) {
  return Math.round(d.score * 100);
}

/** Sees to it that `parent` has so many children, which are used again and again. */
function pool(parent, count, make) {
  while (parent.childElementCount > count) parent.lastElementChild.remove();
  while (parent.childElementCount < count) parent.append(make());
}

function place(rect, x, y, width, height) {
  rect.setAttribute('x', x);
  rect.setAttribute('y', y);
  rect.setAttribute('width', Math.max(0, width));
  rect.setAttribute('height', Math.max(0, height));
}

function isDark(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 120;
}
