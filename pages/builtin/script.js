(() => {
  "use strict";
  const page = document.body;
  const element = (id) => document.getElementById(id);
  const write = page.dataset.request === "write";
  const pause = Math.min(60, Math.max(5, Number(page.dataset.pause) || 30));
  const poll = page.dataset.poll || location.href;
  const planned = Boolean(page.dataset.until);
  const started = performance.now();
  const told = Number(page.dataset.retryAfter) || pause;

  // Seconds to the expected end as the server counted them, so that a wrong clock here does not matter.
  const left = () => told - (performance.now() - started) / 1000;
  const say = (text) => { if (element("status").textContent !== text) element("status").textContent = text; };

  // Words in the page's language, hours and zone names as the visitor writes them.
  function localTime(date) {
    const english = navigator.languages.find((language) => /^en\b/.test(language)) || "en-GB";
    const hourCycle = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hourCycle;
    const clock = new Intl.DateTimeFormat(english, { hour: "numeric", minute: "2-digit", timeZoneName: "short", hourCycle });
    const today = new Date();
    const days = Math.round((new Date(date).setHours(12, 0, 0, 0) - today.setHours(12, 0, 0, 0)) / 86400000);
    const near = { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
    const day = near || new Intl.DateTimeFormat(english, { weekday: "long", day: "numeric", month: "long" }).format(date);
    return `${day}, ${clock.format(date)}`;
  }

  function showLocal(id) {
    const time = element(id);
    const date = time && new Date(time.dateTime);
    if (!date || isNaN(date)) return;
    time.title = time.textContent;
    time.textContent = localTime(date);
  }

  function inWords(seconds) {
    if (seconds < 60) return "less than a minute";
    const minutes = Math.ceil(seconds / 60);
    if (minutes < 90) return minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
    const hours = Math.round(minutes / 30) / 2;
    if (hours < 36) return `about ${String(hours).replace(".5", "½").replace(/^0/, "")} hours`;
    return `about ${Math.round(hours / 24)} days`;
  }

  function tick() {
    const seconds = left();
    element("countdown").textContent = seconds > 0 ? `in ${inWords(seconds)}` : "any moment now";
    const whole = (Date.parse(page.dataset.until) - Date.parse(page.dataset.since)) / 1000;
    if (!(whole > 0)) return;
    element("progress").hidden = false;
    element("progress").firstElementChild.style.width = `${Math.min(100, Math.max(2, 100 - (seconds / whole) * 100))}%`;
    if (seconds < -30) say("It is taking a little longer than planned. We keep checking.");
  }

  // Everyone whose page came in the same minute must not come back in the same second.
  function nextLook() {
    const jitter = 0.75 + Math.random() * 0.5;
    const seconds = left();
    if (planned && seconds > 0 && seconds < pause) return (seconds + Math.random() * 10) * 1000;
    return pause * jitter * 1000;
  }

  function opened() {
    open = true;
    page.classList.add("open");
    const news = write ? "Changes are possible again" : "The site is back";
    document.title = news;
    document.querySelector("h1").textContent = news;
    say(write ? "You can go back and send it again now." : "Taking you there.");
    if (write) return;
    setTimeout(() => location.reload(), 1200);
  }

  // What the page was told and what the server says now differ: the plan has changed.
  function replanned(answer) {
    const now = Number(answer.headers.get("Retry-After"));
    const expected = planned && left() > 0 ? left() : Number(page.dataset.pause);
    return now > 0 && Math.abs(now - expected) > 15;
  }

  async function look() {
    if (document.hidden) return schedule();
    try {
      const answer = await fetch(poll, {
        method: "HEAD", cache: "no-store", redirect: "manual", credentials: "same-origin",
        signal: AbortSignal.timeout?.(15000),
      });
      const held = answer.headers.has("Drawbridge-Not-Processed") || [502, 503, 504].includes(answer.status);
      if (!held) return opened();
      if (!write && replanned(answer)) return location.reload();
    } catch {
      // Not reachable for now: look again later.
    }
    schedule();
  }

  let timer = 0;
  let open = false;
  function schedule(delay = nextLook()) {
    clearTimeout(timer);
    if (!open) timer = setTimeout(look, delay);
  }

  // Looking again comes first: it must go on even where the rest is too new for an old browser.
  schedule();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(Math.random() * 3000); });
  if (write) {
    element("again").addEventListener("click", (event) => {
      if (history.length < 2) return;
      event.preventDefault();
      history.back();
    });
  }
  showLocal("until");
  showLocal("since");
  if (planned) {
    tick();
    setInterval(tick, 1000);
  }
})();
