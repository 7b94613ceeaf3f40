// The last minutes: three lanes over one axis of time, with events of rules behind them.

const SPAN_MS = 300000;

const LANES = [
  {name: 'frames a second', colour: '#56b4e9', of: (s) => s.frames_per_s, floor: 10, digits: 0},
  {name: 'age 99 %, ms', colour: '#f0b429', of: (s) => s.age_us_p99 === null ? null : s.age_us_p99 / 1000, floor: 100, digits: 0},
  {name: 'objects', colour: '#3ecf8e', of: (s) => s.objects, floor: 5, digits: 0},
];

class Timeline {
  constructor() {
    this.canvas = document.getElementById('timeline');
    this.samples = [];
    this.incidents = [];
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  begin(samples) {
    this.samples = samples;
    this.draw();
  }

  add(sample, incidents) {
    const last = this.samples[this.samples.length - 1];
    if (!last || sample.monotonic_ms > last.monotonic_ms) this.samples.push(sample);
    this.samples = this.samples.filter((s) => sample.monotonic_ms - s.monotonic_ms <= SPAN_MS);
    this.incidents = incidents;
    this.draw();
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width) return;
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    pen.font = '11px system-ui, sans-serif';
    const newest = this.samples.length ? this.samples[this.samples.length - 1].monotonic_ms : 0;
    const [left, right, head, foot] = [0, width - 44, 12, height - 16];
    const x = (ms) => right - (newest - ms) / SPAN_MS * (right - left);
    this.drawTime(pen, x, newest, foot, width < 500 ? 2 : 1);
    this.drawIncidents(pen, x, newest, right);
    const room = (foot - head) / LANES.length;
    LANES.forEach((lane, index) => this.drawLane(pen, lane, head + index * room, room, x, right));
  }

  drawTime(pen, x, newest, foot, everyNth) {
    pen.strokeStyle = '#253040';
    pen.fillStyle = '#9aa8b8';
    for (let minute = 0; minute <= 5; minute += 1) {
      const at = Math.round(x(newest - minute * 60000)) + 0.5;
      line(pen, [[at, 0], [at, foot]]);
      pen.textAlign = minute === 5 ? 'left' : minute ? 'center' : 'right';
      if (minute % everyNth === 0) pen.fillText(minute ? `−${minute} min` : 'now', at, foot + 13);
    }
  }

  /** A strip above the lanes: where it is filled, a rule's condition was true. */
  drawIncidents(pen, x, newest, right) {
    pen.fillStyle = '#1b232d';
    pen.fillRect(0, 0, right, 8);
    for (const incident of this.incidents) {
      const began = Math.max(0, x(incident.began_monotonic_ms));
      const isOn = incident.phase !== 'end';
      const ended = isOn ? x(newest) : x(incident.began_monotonic_ms + incident.age_ms);
      if (ended < 0) continue;
      pen.fillStyle = isOn ? '#f0b429' : '#a87f24';
      pen.fillRect(began, 0, Math.max(2, ended - began), 8);
    }
    pen.textAlign = 'left';
    pen.fillStyle = '#9aa8b8';
    pen.fillText('events', right + 4, 8);
  }

  drawLane(pen, lane, top, room, x, right) {
    const [high, low] = [top + 17, top + room - 3];
    const values = this.samples.map(lane.of);
    const most = Math.max(lane.floor, ...values.filter((v) => v !== null));
    const y = (value) => low - value / most * (low - high);
    const parts = [[]];
    this.samples.forEach((sample, index) => {
      const before = this.samples[index - 1];
      const isGap = values[index] === null || before && sample.monotonic_ms - before.monotonic_ms > 3000;
      if (isGap && parts[parts.length - 1].length) parts.push([]);
      if (values[index] !== null) parts[parts.length - 1].push([x(sample.monotonic_ms), y(values[index])]);
    });
    for (const points of parts.filter((part) => part.length)) {
      pen.fillStyle = lane.colour + '1f';
      pen.beginPath();
      pen.moveTo(points[0][0], low);
      for (const point of points) pen.lineTo(...point);
      pen.lineTo(points[points.length - 1][0], low);
      pen.fill();
      pen.strokeStyle = lane.colour;
      pen.lineWidth = 1.6;
      line(pen, points);
      pen.lineWidth = 1;
    }
    pen.strokeStyle = '#253040';
    line(pen, [[0, low + 0.5], [right, low + 0.5]]);
    pen.textAlign = 'left';
    pen.fillStyle = '#9aa8b8';
    pen.fillText(lane.name, 2, top + 12);
    const newest = values[values.length - 1];
    pen.fillStyle = lane.colour;
    pen.font = '600 13px system-ui, sans-serif';
    if (typeof newest === 'number') pen.fillText(newest.toFixed(lane.digits), right + 8, Math.min(low, Math.max(high + 4, y(newest) + 4)));
    pen.font = '11px system-ui, sans-serif';
  }
}

function line(pen, points) {
  pen.beginPath();
  points.forEach((point, index) => index ? pen.lineTo(...point) : pen.moveTo(...point));
  pen.stroke();
}
