// Puts the parts together.

/** A picture older than this is shown in grey. */
const FRESH_MS_MAX = 1000;

const by = (id) => document.getElementById(id);
const stage = new Stage();
const timeline = new Timeline();
let health = null;
let isPaused = false;
let startedAt = performance.now();

const link = new Link({
  shot: (seen, jpeg) => isPaused || stage.show(seen, jpeg, shown),
  message: (message) => message.kind === 'hello' ? greet(message) : tell(message),
  change: look,
});

/** Sets a text only where it is another, so that screen readers do not repeat themselves. */
function say(id, text) {
  const place = by(id);
  if (place.textContent !== text) place.textContent = text;
}

function shown(seen) {
  const time = new Date(seen.captured_unix_ns / 1e6);
  say('time', time.toLocaleTimeString());
  say('number', `#${seen.sequence}`);
  count(seen);
  look();
}

function count(seen) {
  const visible = stage.visible();
  say('objects', String(visible.length));
  say('objects-sub', visible.length === seen.detections.length ? 'in this frame' : `of ${seen.detections.length} found`);
  for (const chip of by('classes').children) {
    const number = seen.detections.filter((d) => d.class === chip.dataset.class && d.score >= stage.scoreMin).length;
    chip.lastElementChild.textContent = number || '';
  }
}

function greet(hello) {
  timeline.begin(hello.samples);
  by('preserve').hidden = !hello.can_preserve;
}

function tell(status) {
  health = status.health;
  timeline.add(status.sample, status.incidents);
  say('fps', status.sample.frames_per_s.toFixed(1));
  tellLosses(status.drops);
  tellIncidents(status.incidents);
  if (health) tellHealth();
  look();
}

function tellLosses(drops) {
  const faults = drops.source + drops.damaged + drops.failed + drops.subscriber + drops.sinks;
  const busy = drops.overwritten + drops.skipped;
  say('lost', String(faults));
  by('lost').closest('div').classList.toggle('warn', faults > 0);
  say('lost-sub', busy ? `${busy} left out` : 'frames, messages');
}

function tellHealth() {
  const ms = (us) => us === null ? '–' : (us / 1000).toFixed(us < 99500 ? 1 : 0);
  say('age-p50', ms(health.age_us_p50));
  say('age-p99', ms(health.age_us_p99));
  say('model', health.model_id);
  say('fps-sub', health.shedding.level === 'none' ? `${health.inferences} looked at` : `1 of ${health.shedding.every_nth} looked at`);
  const zones = [...health.temperatures].sort((a, b) => b.celsius - a.celsius);
  say('heat', zones.length ? zones[0].celsius.toFixed(0) : '–');
  say('heat-sub', health.throttled ? 'throttled' : zones.length ? zones[0].zone : 'no sensor');
  by('heat').closest('div').classList.toggle('warn', health.throttled);
}

function tellIncidents(incidents) {
  const list = by('incidents');
  const newestFirst = [...incidents].reverse();
  by('no-incidents').hidden = incidents.length > 0;
  pool(list, incidents.length, newIncident);
  newestFirst.forEach((incident, index) => {
    const [, name, time, about] = list.children[index].children;
    const isOn = incident.phase !== 'end';
    list.children[index].dataset.on = isOn;
    name.textContent = incident.rule;
    time.textContent = new Date(incident.began_unix_ms).toLocaleTimeString();
    const many = incident.objects_max === 1 ? '1 object' : `${incident.objects_max} objects`;
    const long = `${(incident.age_ms / 1000).toFixed(1)} s`;
    about.textContent = `${many}, ${isOn ? `for ${long} so far` : long}${incident.preserve ? ', recording kept' : ''}`;
  });
}

function newIncident() {
  const item = document.createElement('li');
  item.append(document.createElement('i'), document.createElement('b'), document.createElement('time'), document.createElement('span'));
  item.lastElementChild.className = 'sub';
  return item;
}

/** What is wrong with what is seen here: a title, a text and how bad it is. */
function trouble() {
  const seconds = (ms) => Math.floor(ms / 1000);
  if (!link.isUp) {
    const wait = link.retryInSeconds();
    if (!wait && performance.now() - startedAt < 2000) return null;
    return ['No connection', wait ? `What is seen here is old. Trying again in ${wait} s.` : 'What is seen here is old. Trying again now.', 'bad'];
  }
  if (health && (health.state === 'blind' || health.state === 'failed')) {
    return [health.state.toUpperCase(), health.reasons.join('; '), 'bad'];
  }
  if (isPaused) return null;
  const age = performance.now() - (stage.shownAt || startedAt);
  if (age > FRESH_MS_MAX) {
    const starting = !stage.shownAt && (!health || health.state === 'starting');
    return starting ? ['Starting', 'No picture yet.', 'warn'] : ['No new picture', `for ${seconds(age)} s`, 'warn'];
  }
  return null;
}

/** Shows how the program and the connection are. Called often. */
function look() {
  const found = trouble();
  by('banner').hidden = !found;
  if (found) {
    say('banner-title', found[0]);
    say('banner-text', found[1]);
    by('banner').dataset.kind = found[2];
  } else {
    say('banner-title', '');
  }
  const age = performance.now() - stage.shownAt;
  const isStale = Boolean(found) || !isPaused && age > FRESH_MS_MAX;
  stage.screen.classList.toggle('stale', isStale);
  if (isStale) {
    // What was there is no answer to what is there.
    say('objects', '–');
    say('objects-sub', 'no new frame');
  }
  const state = link.isUp ? health ? health.state : 'starting' : 'unknown';
  by('state').dataset.state = state;
  say('state-name', {ok: 'Seeing', degraded: 'Seeing, degraded', starting: 'Starting', blind: 'Blind', failed: 'Failed'}[state] || 'Not known');
  const reasons = !link.isUp ? ['There is no connection.'] : health ? health.reasons : [];
  if (by('reasons').dataset.text !== reasons.join('\n')) {
    by('reasons').dataset.text = reasons.join('\n');
    by('reasons').replaceChildren(...reasons.map((reason) => Object.assign(document.createElement('li'), {textContent: reason})));
  }
  by('link').dataset.state = link.isUp ? 'up' : link.retryAt ? 'down' : 'wait';
  say('link', link.isUp ? 'live' : link.retryAt ? 'no connection' : 'connecting');
  document.title = found && found[2] === 'bad' ? `⚠ ${found[0]} – Lookout` : 'Lookout';
}

function pause() {
  isPaused = !isPaused;
  stage.isFrozen = isPaused;
  link.pause(isPaused);
  by('pause').setAttribute('aria-pressed', isPaused);
  by('pause').replaceChildren(...pauseParts(isPaused));
  by('paused').hidden = !isPaused;
  if (!isPaused) stage.shownAt = performance.now();
  look();
}

const pauseIcon = by('pause').querySelector('svg');
function pauseParts(isOn) {
  return [pauseIcon, Object.assign(document.createElement('span'), {textContent: isOn ? 'Go on' : 'Pause'})];
}

function filter() {
  const percent = Number(by('score').value);
  stage.scoreMin = percent / 100;
  say('score-value', percent ? `${percent} %` : 'any');
  stage.draw();
  if (stage.seen) count(stage.seen);
}

function toast(text) {
  say('toast', text);
  by('toast').hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { by('toast').hidden = true; }, 4000);
}

async function preserve() {
  try {
    const answer = await fetch('/api/preserve', {method: 'POST'});
    toast((await answer.text()).trim());
  } catch {
    toast('Lookout does not answer.');
  }
}

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (stage.screen.requestFullscreen) stage.screen.requestFullscreen();
}

for (const [name, colour] of Object.entries(CLASSES)) {
  const chip = document.createElement('button');
  chip.dataset.class = name;
  chip.setAttribute('aria-pressed', 'true');
  const dot = document.createElement('i');
  dot.style.background = colour;
  chip.append(dot, name, document.createElement('b'));
  chip.onclick = () => {
    const isHidden = stage.hidden.delete(name) ? false : Boolean(stage.hidden.add(name));
    chip.setAttribute('aria-pressed', !isHidden);
    filter();
  };
  by('classes').append(chip);
}

by('pause').onclick = pause;
by('snapshot').onclick = () => stage.snapshot();
by('fill').onclick = fill;
by('preserve').onclick = preserve;
by('score').oninput = filter;
document.addEventListener('keydown', (event) => {
  if (event.target.closest('input, button') || event.ctrlKey || event.metaKey || event.altKey) return;
  const does = {' ': pause, s: () => stage.snapshot(), f: fill}[event.key.toLowerCase()];
  if (does) {
    event.preventDefault();
    does();
  }
});
setInterval(look, 250);
filter();
