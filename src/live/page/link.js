// The connection: pictures and figures come in, and when nothing does, that is noticed.

/** Nothing for so long means that the connection is dead: a status comes each second. */
const SILENCE_MS_MAX = 4000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

class Link {
  /** `on.shot(seen, jpeg)`, `on.message(object)` and `on.change()` are called. */
  constructor(on) {
    this.on = on;
    this.isUp = false;
    this.failures = 0;
    this.retryAt = 0;
    this.heardAt = 0;
    this.isPaused = false;
    setInterval(() => this.look(), 250);
    this.connect();
  }

  connect() {
    this.retryAt = 0;
    this.heardAt = performance.now();
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/api/live`);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => socket === this.socket && this.take(event.data);
    socket.onclose = () => socket === this.socket && this.lose();
    this.socket = socket;
  }

  take(data) {
    this.heardAt = performance.now();
    if (!this.isUp) {
      this.isUp = true;
      this.failures = 0;
      if (this.isPaused) this.say();
      this.on.change();
    }
    if (typeof data === 'string') {
      if (data) this.on.message(JSON.parse(data));
      return;
    }
    const length = new DataView(data).getUint32(0, true);
    const text = new TextDecoder().decode(new Uint8Array(data, 4, length));
    this.on.shot(JSON.parse(text), new Blob([new Uint8Array(data, 4 + length)], {type: 'image/jpeg'}));
  }

  lose() {
    this.socket = null;
    this.isUp = false;
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.retryAt = performance.now() + wait;
    this.on.change();
  }

  look() {
    const now = performance.now();
    if (this.retryAt && now >= this.retryAt) this.connect();
    else if (this.socket && now - this.heardAt > SILENCE_MS_MAX) {
      const dead = this.socket;
      this.lose();
      dead.close();
    }
  }

  /** Whole seconds until the next try. */
  retryInSeconds() {
    return this.retryAt ? Math.max(1, Math.ceil((this.retryAt - performance.now()) / 1000)) : 0;
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.say();
  }

  say() {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({pause: this.isPaused}));
    }
  }
}
