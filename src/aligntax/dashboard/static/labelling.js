// The labelling screen without it is plain forms. This adds one key a class, and keeps a label in this browser
// from the moment it is given until the server says that it has it.
"use strict";
(() => {
  const UNSAVED = "aligntax.label.unsaved";
  const KEYS = "aligntax.label.keys";
  const POLICY = "aligntax.label.policy";
  const LONGEST_PAUSE = 10_000;
  const byId = (id) => document.getElementById(id);
  const form = byId("label");
  const plain = byId("settle");
  const told = byId("told");
  const note = byId("note");
  const policy = byId("policy");
  const draft = `aligntax.label.note ${location.pathname}`;
  let leaving = false;

  // what is kept in the browser; a browser that keeps nothing only loses the net, not the labels
  const read = (store, name) => {
    try { return store.getItem(name); } catch { return null; }
  };
  const write = (store, name, value) => {
    try {
      if (value === null) store.removeItem(name);
      else store.setItem(name, value);
    } catch { /* full, or not allowed */ }
  };
  const unsaved = () => {
    try {
      const kept = JSON.parse(read(localStorage, UNSAVED) || "[]");
      return Array.isArray(kept) ? kept.filter((one) => one && /^\/label\/[\w-]+\/\d+$/.test(one.url)) : [];
    } catch { return []; }
  };
  const remember = (entry) => {
    const others = unsaved().filter((one) => one.token !== entry.token);
    write(localStorage, UNSAVED, JSON.stringify([...others, entry]));
  };
  const forget = (entry) => {
    const others = unsaved().filter((one) => one.token !== entry.token);
    write(localStorage, UNSAVED, others.length ? JSON.stringify(others) : null);
  };

  const say = (words, state = "") => {
    if (!told) return;
    told.textContent = words;
    told.className = `told ${state}`;
    if (state) told.scrollIntoView({ block: "nearest" });
  };
  const go = (to) => {
    if (typeof to !== "string" || !to.startsWith("/label/")) to = "/label";
    leaving = true;
    location.assign(to);
  };

  // a server that was started again knows none of the old forms: its page holds a token that is good
  const freshToken = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const field = page.querySelector("input[name=csrf]");
    if (!field) return false;
    for (const one of document.querySelectorAll("input[name=csrf]")) one.value = field.value;
    return true;
  };
  const token = () => document.querySelector("input[name=csrf]")?.value || "";
  const post = async (url, fields) => {
    const send = () => fetch(url, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRF-Token": token() },
      body: new URLSearchParams(fields),
    });
    let answer = await send();
    if (answer.status === 403 && await freshToken(url.replace(/\/undo$/, ""))) answer = await send();
    return answer;
  };
  const wait = (milliseconds) => new Promise((resolve) => {
    const done = () => { removeEventListener("online", done); resolve(); };
    addEventListener("online", done);
    setTimeout(done, milliseconds);
  });

  // sends until the server has answered; true where it has what was sent
  const deliver = async (entry, here) => {
    const { url, words, ...fields } = entry;
    for (let pause = 500; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      let answer = null;
      try { answer = await post(url, fields); } catch { /* no connection */ }
      const final = answer && (answer.ok || [404, 409, 422].includes(answer.status));
      if (final) return settle(entry, answer, here);
      const why = !answer ? "no connection" : answer.status === 401 ? "you are signed out; sign in in another tab"
        : answer.status === 403 ? "the server does not take it from you" : `the server says ${answer.status}`;
      say(`Not saved yet: ${words} (${why}). It is kept in this browser and sent again by itself.`, "failing");
      await wait(pause);
    }
  };
  const settle = async (entry, answer, here) => {
    let said = {};
    try { said = await answer.json(); } catch { /* a page, not a word of ours */ }
    if (said.how === "other_person") {
      say(`Not saved yet: ${entry.words} was given as ${entry.annotator}, and you are somebody else now. It waits here for ${entry.annotator}.`, "failing");
      return;
    }
    if (!said.how && answer.status === 422) {
      forget(entry);
      say(`Not saved: ${entry.words}. The server cannot make sense of it.`, "failing");
      return;
    }
    if (!said.how) {
      const why = answer.redirected ? "say first who you are, under Labelling" : "its task is not in this ledger";
      say(`Not saved yet: ${entry.words} (${why}). It is kept in this browser.`, "failing");
      return;
    }
    forget(entry);
    if (here) write(sessionStorage, draft, null);
    if (here) go(said.next);
    else if (said.how === "kept" || said.how === "repeated") say(`Saved: ${entry.words}, kept in this browser from before.`);
    else say(`Not kept: ${entry.words}. ${said.how === "closed" ? "Its task is closed." : "You had labelled it already."}`, "failing");
  };

  const choose = async (button) => {
    if (leaving || form.dataset.sending) return;
    form.dataset.sending = "yes";
    button.classList.add("chosen");
    for (const one of form.querySelectorAll("button[name=outcome]")) one.setAttribute("aria-disabled", "true");
    const entry = {
      url: new URL(form.action).pathname,
      outcome: button.value,
      note: note.value,
      token: form.elements.token.value,
      annotator: form.elements.annotator.value,
      words: `exchange ${form.dataset.position}, ${button.querySelector(".called").textContent.toLowerCase()}`,
    };
    remember(entry);
    await deliver(entry, true);
  };

  // labels of earlier pages that never got an answer
  const catchUp = async () => {
    const mine = form ? form.elements.annotator.value : null;
    for (const entry of unsaved()) {
      const here = Boolean(form) && entry.url === new URL(form.action).pathname;
      if (!token()) return;
      if (mine && entry.annotator !== mine) {
        say(`A label of ${entry.annotator} is not saved yet (${entry.words}). It waits in this browser for ${entry.annotator}.`, "failing");
        continue;
      }
      if (here) form.dataset.sending = "yes";
      await deliver(entry, here);
    }
  };

  if (form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter?.value) choose(event.submitter);
    });
    const kept = read(sessionStorage, draft);
    if (kept && !note.value) note.value = kept;
    note.addEventListener("input", () => write(sessionStorage, draft, note.value || null));
  }
  if (plain) {
    plain.addEventListener("submit", (event) => {
      if (leaving) event.preventDefault();
      leaving = true;
    });
  }
  byId("undo")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (leaving) return;
    leaving = true;
    const undo = event.currentTarget;
    try {
      const answer = await post(new URL(undo.action).pathname, { annotation: undo.elements.annotation.value });
      if (answer.ok) { location.assign(answer.url); return; }
      say("Nothing was taken back: reload the page and try again.", "failing");
    } catch { say("Nothing was taken back: no connection. Try again.", "failing"); }
    leaving = false;
  });

  // one key each, unless somebody types, holds a key down, or does without
  const toggle = byId("keys");
  let keysOn = read(localStorage, KEYS) !== "off";
  const showKeys = () => {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(keysOn));
    document.body.classList.toggle("without-keys", !keysOn);
  };
  if (toggle) {
    showKeys();
    toggle.addEventListener("click", () => {
      keysOn = !keysOn;
      write(localStorage, KEYS, keysOn ? null : "off");
      showKeys();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else if (policy?.open && matchMedia("(max-width: 900px)").matches) policy.open = false;
      return;
    }
    if (typing || event.repeat || !keysOn || !toggle) return;
    const key = event.key.toLowerCase();
    if (key === "p" && policy) policy.open = !policy.open;
    else if (key === "t" && note) note.focus();
    else {
      const safe = /^[a-z0-9]$/.test(key) ? key : "";
      const target = safe && document.querySelector(`[data-key="${safe}"], [data-letter="${safe}"]`);
      if (!target || leaving) return;
      if (target.name === "outcome" || target.form) target.form.requestSubmit(target);
      else target.click();
    }
    event.preventDefault();
  });

  // the policy lies beside the exchange where there is room, unless it was put away
  if (policy) {
    const wide = matchMedia("(min-width: 901px)");
    policy.open = wide.matches && read(localStorage, POLICY) !== "closed";
    policy.addEventListener("toggle", () => {
      if (wide.matches) write(localStorage, POLICY, policy.open ? null : "closed");
    });
  }

  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
      time.title = `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    }
  }
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  catchUp();
})();
