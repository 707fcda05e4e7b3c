// An attempt in one document: shows one question at a time, saves each answer when it changes, keeps what could not be
// sent (encrypted, in IndexedDB) and sends it in order when the line is back. The server alone decides what is saved and
// how much time is left. Without this file every button saves by an ordinary form. Markup: templates/quizzes/attempt.html
//
// An answer on its way is an item: {n, fields, sure, revision, key, seq, tried}. Once tried it never changes, because it
// may have arrived although its reply was lost: the same key and body then get the same answer.

import "../vendor/nacl.min.js";
import { typing } from "./page.js";

const CHOICE_MS = 300; // after a choice
const PAUSE_MS = 1500; // after the last key of a typed answer
const LONGEST_MS = 5000; // typed without a pause
const BEAT_MS = 5000;
const RETRY_MS = 3000;
const SLOW_MS = 10000; // no reply for so long is no line
const IDLE_MS = 600000; // a test without a time limit that is left alone stops holding the sign-in

const { secretbox, randomBytes } = self.nacl;
const root = document.querySelector("[data-attempt]");
const base = root.dataset.attempt;
const forms = [...root.querySelectorAll("form[data-question]")];
const count = forms.length;
const summary = root.querySelector("[data-summary]");
const handIn = root.querySelector("[data-hand-in]");
const csrf = forms[0].elements.csrf_token.value;

// ---- words -----------------------------------------------------------------------------------------------------------

const says = document.querySelector("#says").content;
const numbers = new Intl.NumberFormat(root.dataset.locale, { numberingSystem: "latn" });
const plural = new Intl.PluralRules(root.dataset.locale);

function say(name, values = {}) {
  const text = says.querySelector(`[data-say="${name}"]`).textContent;
  return text.replace(/\{(\w+)\}/g, (_, key) => (typeof values[key] === "number" ? numbers.format(values[key]) : values[key]));
}

function counted(name, n) {
  const texts = says.querySelector(`[data-say="${name}"]`).dataset;
  return (texts[plural.select(n)] || texts.many).replace(/\d+/, numbers.format(n));
}

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

const state = (kind, text) => element("span", `st st-${kind}`, text);

// ---- what waits on this PC -------------------------------------------------------------------------------------------

const utf8 = new TextEncoder();
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

class Waiting {
  constructor(attempt, key) {
    this.attempt = attempt;
    this.key = key;
    this.base = new Promise((resolve) => {
      try {
        const asked = indexedDB.open("sabaq-answers", 1);
        asked.onupgradeneeded = () => asked.result.createObjectStore("waiting", { keyPath: "id" });
        asked.onsuccess = () => resolve(asked.result);
        asked.onerror = () => resolve(null);
      } catch {
        resolve(null); // this browser keeps nothing
      }
    });
  }

  async do(mode, act) {
    const base = await this.base;
    if (!base) return null;
    return new Promise((resolve) => {
      try {
        const asked = act(base.transaction("waiting", mode).objectStore("waiting"));
        asked.onsuccess = () => resolve(asked.result);
        asked.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }

  put(item) {
    const nonce = randomBytes(secretbox.nonceLength);
    const box = secretbox(utf8.encode(JSON.stringify(item)), nonce, this.key);
    this.do("readwrite", (store) => store.put({ id: `${this.attempt}/${item.seq}`, attempt: this.attempt, nonce, box }));
  }

  remove(item) {
    this.do("readwrite", (store) => store.delete(`${this.attempt}/${item.seq}`));
  }

  async load() {
    const found = [];
    for (const row of (await this.do("readonly", (store) => store.getAll())) || []) {
      if (row.attempt !== this.attempt) continue;
      const opened = secretbox.open(row.box, row.nonce, this.key);
      if (opened) found.push(JSON.parse(new TextDecoder().decode(opened)));
    }
    return found.sort((a, b) => a.seq - b.seq);
  }
}

// The key comes with the page and not with the first reply: the line may go in between, and what is given then is kept too.
const store = new Waiting(root.dataset.id, bytes(root.dataset.key));
delete root.dataset.key;

// ---- the server ------------------------------------------------------------------------------------------------------

const line = { up: true, busy: false, lostAt: 0, retryAt: 0, said: "" }; // said: why the server cannot store
const clock = { server: Number(root.dataset.clock), left: root.dataset.remaining === "" ? null : Number(root.dataset.remaining), at: performance.now() };
let writer = "";
let stopped = ""; // why nothing more is sent: signed-out, stale-tab, ended

const room = { paused: root.dataset.paused, credit: Number(root.dataset.credit), hand: false, away: false, left: 0 }; // left: times, not told yet
const passed = () => performance.now() - clock.at;
const timeLeft = () => (clock.left === null ? null : clock.left - (room.paused ? 0 : passed()));
const timeOfDay = () => new Date(clock.server + passed() + Number(root.dataset.offset) * 60000).toISOString().slice(11, 16);

async function post(what, body) {
  const slow = new AbortController();
  const timer = setTimeout(() => slow.abort(), SLOW_MS);
  try {
    const answer = await fetch(`${base}/${what}`, {
      method: "POST", credentials: "same-origin", keepalive: true, redirect: "error", signal: slow.signal,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf, ...(what === "beat" && { "X-Sabaq-Poll": "1" }) },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      if ("clock" in said) Object.assign(clock, { server: said.clock, left: said.remaining, at: performance.now() });
      Object.assign(line, { up: true, busy: false, retryAt: 0, said: "" });
    }
    return { ok: answer.ok, status: answer.status, said };
  } catch {
    return { ok: false, status: 0, said: {} };
  } finally {
    clearTimeout(timer);
  }
}

// What any refusal means for the whole page; gives the name of one that is about a single answer.
function refused({ status, said }) {
  if (status === 0 || status >= 500 || status === 429) {
    if (line.up) line.lostAt = timeOfDay();
    Object.assign(line, { up: false, busy: status !== 0, retryAt: performance.now() + RETRY_MS, said: said.kind?.startsWith("Storage") ? said.error : "" });
    return "";
  }
  if (said.kind === "StaleTab") stopped = "stale-tab";
  else if (said.kind === "HandedIn") stopped = "ended";
  else if (said.kind === "OpenElsewhere") location.reload(); // the page that waits for a release
  else if ([400, 401, 403, 404].includes(status)) stopped = "signed-out";
  else return said.kind || "Invalid";
  return "";
}

// ---- answers on their way --------------------------------------------------------------------------------------------

const queue = [];
const conflicts = new Map(); // question -> item that met a newer answer
const revisions = forms.map((form) => Number(form.dataset.revision));
let savedAt = document.querySelector("[data-status] time")?.textContent || "";
let seq = Date.now();
let sending = null;
let timer = 0;
let restoring = false;
let late = false;
let broken = false;

const newKey = () => [...randomBytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function collect(n) {
  const pairs = [...new FormData(forms[n - 1])].filter(([, value]) => String(value).trim() !== "");
  return {
    fields: pairs.filter(([name]) => name.startsWith(`q${n}.`)).sort((a, b) => (a.join() < b.join() ? -1 : 1)),
    sure: pairs.find(([name]) => name === `sure${n}`)?.[1] || null,
  };
}

const given = forms.map((_, i) => JSON.stringify(collect(i + 1))); // the newest content that is saved or on its way

function changed(n, wait) {
  const content = collect(n);
  let item = conflicts.get(n) || queue.find((one) => one.n === n && !one.tried);
  if (!item) {
    if (given[n - 1] === JSON.stringify(content)) return; // leaving a field after a pause says the same again
    revisions[n - 1] += 1;
    seq += 1;
    item = { n, seq, revision: revisions[n - 1], key: newKey(), tried: false, since: performance.now() };
    queue.push(item);
  }
  Object.assign(item, content);
  given[n - 1] = JSON.stringify(content);
  item.due = Math.min(performance.now() + wait, item.since + LONGEST_MS);
  store.put(item);
  paint();
  pump();
}

function flush() {
  for (const item of queue) item.due = 0;
  line.retryAt = 0;
  pump();
}

function pump() {
  clearTimeout(timer);
  if (sending || stopped || !writer || !queue.length) return;
  const wait = Math.max(queue[0].due, line.retryAt) - performance.now();
  if (wait > 0) timer = setTimeout(pump, wait);
  else send(queue[0]);
}

async function send(item) {
  sending = item;
  item.tried = true;
  store.put(item);
  const { n, key, revision, fields, sure } = item;
  const reply = await post(`answers/${n}`, { writer, key, revision, fields, sure });
  sending = null;
  if (reply.ok) {
    savedAt = reply.said.saved;
    settled(item);
  } else {
    const kind = refused(reply);
    if (kind === "StaleAnswer" || kind === "KeyReused") {
      queue.splice(queue.indexOf(item), 1);
      conflicts.set(n, item);
    } else if (kind) {
      if (kind === "TooLate") late = true;
      else broken = true;
      settled(item);
    }
  }
  paint();
  pump();
}

function settled(item) {
  queue.splice(queue.indexOf(item), 1);
  store.remove(item);
}

async function saveMine(n) {
  const opened = await post("open", {});
  if (!opened.ok) {
    refused(opened);
  } else {
    writer = opened.said.writer;
    const item = conflicts.get(n);
    conflicts.delete(n);
    store.remove(item);
    revisions[n - 1] = opened.said.revisions[n] || 0;
    given[n - 1] = "";
    changed(n, 0);
  }
  paint();
}

function keepTheirs(n) {
  store.remove(conflicts.get(n));
  setTimeout(() => location.reload(), 100);
}

// ---- signs of life ---------------------------------------------------------------------------------------------------

let at = Number(root.dataset.at);
let beating = false;
let touched = performance.now();

async function beat() {
  if (stopped || beating) return false;
  if (!writer) return begin();
  if (clock.left === null && !supervised && performance.now() - touched > IDLE_MS) return false;
  beating = true;
  const left = Math.min(room.left, 999);
  const reply = await post("beat", { writer, at: at || 1, seen: [...seen], flagged: [...flagged], unsaved: overdue(), left });
  beating = false;
  if (reply.ok) {
    room.left -= left;
    stand(reply.said);
    pump();
  } else refused(reply);
  paint();
  return reply.ok;
}

// What the invigilator, or an outage, did to the test since the last sign of life.
const supervised = "supervised" in root.dataset;
const pausePanel = document.querySelector("[data-pause]");
const overdue = () => queue.filter((item) => performance.now() - item.since > SLOW_MS).length + conflicts.size;

function stand({ paused, credit, hand }) {
  if (room.paused !== paused) {
    room.paused = paused;
    root.hidden = paused !== "";
    pausePanel.hidden = !paused;
    if (paused) {
      pausePanel.querySelector("[data-pause-what]").textContent = say(`pause-${paused}`);
      pausePanel.querySelector("[data-pause-why]").textContent = say(`why-${paused}`);
      pausePanel.querySelector("h1").focus();
    } else (at ? forms[at - 1] : summary).querySelector("h1").focus();
    tick();
  }
  if (room.credit !== credit) {
    room.credit = credit;
    const shown = document.querySelector("[data-extra]");
    if (shown) {
      shown.hidden = !credit;
      shown.textContent = say("credit", { n: Math.floor(credit / 60000) });
      document.querySelector("[data-time-said]").textContent = shown.textContent;
    }
  }
  if (hand !== room.hand) paintHand(hand);
}

const handForm = root.querySelector("[data-hand]");

function paintHand(up) {
  room.hand = up;
  if (!handForm) return;
  handForm.elements.up.value = up ? "0" : "1";
  handForm.elements.up.firstElementChild.textContent = say(up ? "hand-down" : "hand");
  handForm.querySelector("[data-hand-said]").textContent = up ? say("hand-up") : "";
}

async function toggleHand() {
  const up = !room.hand;
  const reply = await post("hand", { up });
  if (reply.ok) paintHand(up);
  else refused(reply);
  paint();
}

if (handForm) {
  room.hand = handForm.elements.up.value === "0";
  handForm.addEventListener("submit", (event) => {
    event.preventDefault();
    toggleHand();
  });
}

// Left for something else: another tab, another window. One absence counts once, a moment without focus not at all.
function leaves() {
  if (!supervised || room.away || room.paused) return;
  room.away = true;
  room.left += 1;
}
if (supervised) {
  window.addEventListener("blur", () => setTimeout(() => { if (!document.hasFocus()) leaves(); }, 1000));
  window.addEventListener("focus", () => { room.away = false; });
  document.addEventListener("visibilitychange", () => { if (document.hidden) leaves(); else room.away = !document.hasFocus(); });
}

async function begin() {
  beating = true;
  const reply = await post("open", {});
  beating = false;
  if (!reply.ok) {
    refused(reply);
    paint();
    return false;
  }
  const { said } = reply;
  if (forms.some((form, i) => (said.revisions[i + 1] || 0) !== Number(form.dataset.revision))) {
    location.reload(); // something was saved elsewhere since this page was made
    return false;
  }
  writer = said.writer;
  restore(await store.load());
  paint();
  pump();
  setTimeout(beat, 200); // where this tab is
  return true;
}

// Answers that waited when the page was last left: back into their fields, and on their way.
function restore(items) {
  restoring = true;
  for (const item of items) {
    if (queue.some((one) => one.seq === item.seq)) continue;
    if (queue.some((one) => one.n === item.n && !items.includes(one))) {
      store.remove(item); // overtaken by what was given since
      continue;
    }
    const pairs = [...item.fields, ...(item.sure ? [[`sure${item.n}`, item.sure]] : [])];
    for (const input of forms[item.n - 1].elements) {
      if (!input.name.startsWith(`q${item.n}.`) && input.name !== `sure${item.n}`) continue;
      const mine = pairs.filter(([name]) => name === input.name).map(([, value]) => value);
      if (input.type === "radio" || input.type === "checkbox") input.checked = mine.includes(input.value);
      else input.value = mine[0] || "";
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    queue.push(Object.assign(item, { due: 0, since: performance.now() }));
    given[item.n - 1] = JSON.stringify({ fields: item.fields, sure: item.sure });
    revisions[item.n - 1] = Math.max(revisions[item.n - 1], item.revision);
  }
  restoring = false;
}

// ---- what the page says ----------------------------------------------------------------------------------------------

const links = [...root.querySelectorAll("[data-list] a")];
const seen = new Set(links.filter((link) => !link.classList.contains("unseen")).map((link) => Number(link.dataset.to)));
const flagged = new Set(forms.filter((form) => flagButton(form).getAttribute("aria-pressed") === "true").map((form) => Number(form.dataset.question)));

function flagButton(form) {
  return form.querySelector('button[value="flag"]');
}

const isAnswered = (n) => collect(n).fields.length > 0;
const isWaiting = (n) => conflicts.has(n) || ((!line.up || stopped) && queue.some((item) => item.n === n));
const waiting = () => new Set([...queue.map((item) => item.n), ...conflicts.keys()]).size;

function replace(node, ...children) {
  const made = element("div", "", ...children);
  if (node.innerHTML !== made.innerHTML) node.replaceChildren(...made.childNodes);
}

function paint() {
  paintStatus();
  paintBanner();
  links.forEach((link, i) => {
    const n = i + 1;
    const marks = [];
    if (isWaiting(n)) marks.push(state("late", say("is-waiting")));
    if (isAnswered(n)) marks.push(state("done", say("is-answered")));
    else if (seen.has(n)) marks.push(state("empty", say("is-empty")));
    if (flagged.has(n)) marks.push(state("flag", say("is-flagged")));
    const shown = marks.map((mark) => mark.outerHTML).join("");
    if (link.dataset.shown !== shown) {
      link.dataset.shown = shown;
      for (const old of link.querySelectorAll(".st")) old.remove();
      link.append(...marks);
    }
    link.classList.toggle("unseen", !marks.length);
  });
  root.querySelector("[data-legend-waiting]").hidden = !links.some((link) => link.querySelector(".st-late"));
  if (!at) paintSummary();
}

function paintStatus() {
  const time = element("time", "", savedAt);
  let said;
  const lost = stopped === "ended" ? waiting() : stopped; // handed in by the class manager with everything saved: nothing is lost
  if (lost || conflicts.size || broken) {
    said = state("alert", waiting() ? `${say("not-saved")}: ${counted("waiting", waiting())}` : say("not-saved"));
  } else if (queue.length && !line.up) {
    said = state("late", `${savedAt ? say("last-saved", { time: savedAt }) : say("not-saved")}, ${counted("waiting", waiting())}`);
  } else if (queue.length) {
    said = state("prog", say("saving"));
  } else if (savedAt) {
    said = state("ok", `${say("saved")} `);
    said.append(time);
  } else {
    said = state("empty", say("none"));
  }
  replace(document.querySelector("[data-status]"), said);
}

function paintBanner() {
  const conflict = [...conflicts.keys()][0];
  const slow = queue.length && performance.now() - queue[0].since > 6000;
  let look = "warn";
  let what = "";
  let why = "";
  const buttons = [];
  if (stopped === "signed-out") {
    [look, what, why] = ["bad", say("signed-out"), say("sign-in-why")];
    const link = element("a", "btn btn-main", say("sign-in"));
    link.href = `${root.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`;
    buttons.push(link);
  } else if (stopped === "stale-tab") {
    [look, what, why] = ["bad", say("stale-tab"), say("stale-why")];
    buttons.push(button("take-over", () => location.reload()));
  } else if (stopped === "ended") {
    [look, what] = [waiting() ? "bad" : "warn", say("ended")];
    const link = element("a", "btn btn-main", say("to-result"));
    link.href = `${base}/result`;
    buttons.push(link);
  } else if (conflict) {
    [look, what, why] = ["bad", say("conflict", { n: conflict }), say("conflict-why")];
    buttons.push(button("mine", () => saveMine(conflict)), button("theirs", () => keepTheirs(conflict)));
  } else if (!line.up || slow) {
    const reason = line.said || (line.busy ? say("busy") : say("no-line", { time: line.lostAt || timeOfDay() }));
    if (line.said) look = "bad";
    what = waiting() || line.said ? say("not-saved") : reason;
    if (waiting()) what += `: ${counted("waiting", waiting())}`;
    why = [what !== reason && reason, handing || isOver() ? say("wait") : !line.said && say("go-on"), store.none && say("no-store")].filter(Boolean).join(" ");
  } else if (isOver()) {
    [what, why] = [late ? say("late") : say("over"), ""];
  } else if (broken) {
    [look, what] = ["bad", say("refused")];
    buttons.push(button("reload", () => location.reload()));
  }
  const place = document.querySelector("[data-banner]");
  if (!what) return replace(place);
  const words = element("p", "", element("b", `st ${look === "bad" ? "st-alert" : "st-late"}`, what));
  if (why) words.append(document.createElement("br"), why);
  if (place.dataset.said === words.innerHTML && place.firstChild) return null;
  place.dataset.said = words.innerHTML;
  return place.replaceChildren(element("div", `banner banner-${look}`, element("div", "banner-in", words, ...buttons)));
}

function button(name, act) {
  const made = element("button", "btn", say(name));
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function paintSummary() {
  const all = forms.map((_, i) => i + 1);
  const empty = all.filter((n) => !isAnswered(n));
  const listed = (kind, some) => {
    if (!some.length) return ["–"];
    const parts = [state(kind, counted("questions", some.length)), " "];
    some.forEach((n, i) => {
      const link = element("a", "nav", say("question", { n }));
      link.href = `${base}/${n}`;
      link.dataset.to = n;
      parts.push(...(i ? [", ", link] : [link]));
    });
    return parts;
  };
  const find = (name) => summary.querySelector(`[data-${name}]`);
  find("answered").textContent = say("of", { n: count - empty.length, count });
  replace(find("unanswered"), ...listed("empty", empty));
  replace(find("flagged"), ...listed("flag", all.filter((n) => flagged.has(n))));
  replace(find("waiting"), waiting() ? state("late", counted("waiting", waiting())) : state("ok", say("all-saved")));
  find("unanswered-note").hidden = !empty.length;
  const back = empty[0] || 1;
  find("back").dataset.to = back;
  find("back").href = `${base}/${back}`;
  find("back").textContent = find("back").textContent.replace(/\d+/, numbers.format(back));
}

// ---- getting about ---------------------------------------------------------------------------------------------------

const toSummary = root.querySelector("[data-to-summary]");
const summaryButton = toSummary.querySelector("button") || element("button", "btn btn-block", say("to-summary"));

function show(n, { push = true, focus = true } = {}) {
  if (n !== at) flush();
  at = n;
  if (n) seen.add(n);
  forms.forEach((form, i) => { form.hidden = i + 1 !== n; });
  summary.hidden = n !== 0;
  if (n) {
    summaryButton.setAttribute("form", `q${n}`);
    summaryButton.value = "summary";
    summaryButton.name = "go";
    toSummary.append(summaryButton);
  } else {
    summaryButton.remove();
  }
  toSummary.className = n ? "panel-foot" : "";
  for (const link of links) {
    if (Number(link.dataset.to) === n) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const title = n ? say("title", { n, count }) : say("summary");
  document.title = document.title.replace(/^.*(?= · )/, () => title);
  const address = n ? `${base}/${n}` : `${base}/summary`;
  if (push && location.pathname !== address) history.pushState(null, "", address);
  for (const input of document.querySelectorAll('input[name="next"]')) input.value = address;
  for (const input of root.querySelectorAll('[data-language] input[name="number"]')) input.value = n;
  paint();
  if (focus) {
    const heading = (n ? forms[n - 1] : summary).querySelector("h1");
    heading.focus({ preventScroll: true });
    if (heading.getBoundingClientRect().top < 0 || heading.getBoundingClientRect().top > innerHeight / 2) scrollTo(0, 0);
  }
  beat();
}

function act(what) {
  if (what === "next") show(at < count ? at + 1 : 0);
  else if (what === "previous") show(at === 0 ? count : Math.max(1, at - 1));
  else if (what === "summary") show(0);
  else if (what === "flag" && at) {
    if (!flagged.delete(at)) flagged.add(at);
    const flag = flagButton(forms[at - 1]);
    flag.setAttribute("aria-pressed", String(flagged.has(at)));
    flag.firstElementChild.textContent = say(flagged.has(at) ? "flagged" : "flag");
    paint();
    beat();
  }
}

root.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-question]")) return;
  event.preventDefault();
  act(event.submitter?.value || "next");
});

root.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-to]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(Number(link.dataset.to));
});

window.addEventListener("popstate", () => {
  const last = location.pathname.split("/").pop();
  show(last === "summary" ? 0 : Number(last) || 1, { push: false });
});

root.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-question]");
  if (form && event.target.name && !restoring) changed(Number(form.dataset.question), typing(event.target) ? 0 : CHOICE_MS);
});

root.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-question]");
  if (form && event.target.matches("input.in, textarea")) changed(Number(form.dataset.question), PAUSE_MS);
});

for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { touched = performance.now(); }, { passive: true });

// Keys: 1-9 choose, 0 nothing suspicious, Enter next, P previous, F flag, S summary. Never while typing.
const keysOn = document.documentElement.dataset.keys !== "off";
if (keysOn) {
  for (const shown of document.querySelectorAll("[data-keys-shown]")) shown.hidden = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (typing(target) || room.paused) return;
    const key = event.key.toLowerCase();
    const what = { p: "previous", f: "flag", s: "summary" }[key];
    if (what) act(what);
    else if (key === "h" && handForm) toggleHand();
    else if (key === "enter" && at && !target.closest("a, button, summary, input, [role=button]")) act("next");
    else if (/^[0-9]$/.test(key) && at) {
      const inputs = [...forms[at - 1].querySelectorAll(".choice input")].filter((one) => !one.closest("[data-question] [hidden], [data-past]"));
      const input = key === "0" ? inputs.find((one) => one.value === "none") : inputs.filter((one) => one.value !== "none")[Number(key) - 1];
      if (!input) return;
      input.focus();
      input.click();
    } else return;
    event.preventDefault();
  });
}

// ---- time and end ----------------------------------------------------------------------------------------------------

let handing = false;
const timerShown = document.querySelector("[data-timer]");
const isOver = () => timeLeft() !== null && timeLeft() <= 0;

if (timerShown) {
  const hide = button("hide", () => {
    timerShown.hidden = !timerShown.hidden;
    hide.textContent = say(timerShown.hidden ? "show" : "hide");
  });
  hide.className = "btn btn-link";
  timerShown.after(" ", hide);
}

let saidMinutes = Infinity;

function tick() {
  const left = timeLeft();
  if (left !== null) {
    const seconds = Math.max(0, Math.ceil(left / 1000));
    const minutes = Math.ceil(seconds / 60);
    timerShown.textContent = seconds > 60 ? say("minutes", { n: minutes }) : say("seconds", { n: seconds });
    document.querySelector("[data-left]").textContent = say(line.up ? "left" : "about");
    const mark = [1, 5, 10].find((one) => minutes <= one) || Infinity;
    if (mark < saidMinutes && saidMinutes !== Infinity) document.querySelector("[data-time-said]").textContent = `${say("left")} ${timerShown.textContent}`;
    saidMinutes = mark === Infinity ? 99 : mark;
    if (left <= 0 && !stopped && !handing && !room.paused && line.up) {
      if (queue.length && left > -4000) flush();
      else giveIn();
    }
    if (left <= 0) paint();
  }
  if (queue.length) paint();
}

// For good. It waits until everything given is saved, or says what it waits for.
async function giveIn() {
  if (handing) return;
  handing = true;
  touched = performance.now();
  flush();
  // A beat that is under way is waited for: a second one would not be sent, and the press would be lost.
  for (let i = 0; i < 50 && (queue.length || beating) && line.up && !stopped; i += 1) await new Promise((done) => { setTimeout(done, 100); });
  if (!queue.length && !conflicts.size && !stopped && (await beat())) {
    handIn.elements.writer.value = writer;
    handIn.submit();
    return;
  }
  paint();
  handing = false;
  document.querySelector("[data-banner] a, [data-banner] button")?.focus();
}

handIn.addEventListener("submit", (event) => {
  event.preventDefault();
  giveIn();
});

window.addEventListener("pagehide", flush);
window.addEventListener("online", () => { line.retryAt = 0; beat(); });
document.addEventListener("visibilitychange", flush);
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
window.addEventListener("beforeunload", (event) => { if (queue.length && store.none && !handing) event.preventDefault(); });
store.base.then((found) => { store.none = !found; });

history.replaceState(null, "", at ? `${base}/${at}` : `${base}/summary`);
show(at, { push: false, focus: false });
setInterval(tick, 1000);
setInterval(beat, BEAT_MS);
setInterval(() => { if (room.paused) beat(); }, 2000);
tick();
