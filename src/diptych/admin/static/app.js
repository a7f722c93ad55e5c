// Small comforts; every page works without them.
"use strict";

// the page's language; for English, the reader's own kind of it
const language = document.documentElement.lang === "en" ? [] : document.documentElement.lang;

// times in the reader's own time zone
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const sameDay = at.toDateString() === new Date().toDateString();
    time.title = at.toString();
    time.textContent = sameDay
      ? at.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" })
      : at.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
    time.dataset.local = "yes";
  }
}

// a box that scrolls and has nothing in it to stop at is a stop itself, so that the arrow keys can scroll it
function scrollStops() {
  for (const box of document.querySelectorAll(".table-wrap, pre, .chart")) {
    if (box.scrollWidth <= box.clientWidth || box.hasAttribute("tabindex")) continue;
    box.tabIndex = 0;
    const name = box.querySelector("caption");
    if (!name || box.hasAttribute("role")) continue;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", name.textContent);
  }
}
window.addEventListener("load", scrollStops);
window.addEventListener("resize", scrollStops);
document.addEventListener("htmx:afterSettle", scrollStops);

// <input data-filter="#table"> hides rows of a table body that do not contain every word
function startFilters() {
  for (const box of document.querySelectorAll("[data-filter]")) {
    const scope = document.querySelector(box.dataset.filter);
    const status = document.querySelector(box.dataset.filterStatus || "#no-such-thing");
    const only = document.querySelector(box.dataset.filterOnly || "#no-such-thing");
    if (!scope) continue;
    const apply = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of scope.querySelectorAll("[data-row]")) {
        const ticked = row.querySelector("input[type=checkbox]");
        const fits = words.every((word) => row.dataset.row.toLowerCase().includes(word))
          && (!only || !only.value || (only.value === "ticked") === Boolean(ticked && ticked.checked));
        row.hidden = !fits;
        if (fits) shown += 1;
      }
      if (status) status.textContent = status.dataset.words.replace("{n}", shown);
    };
    box.closest("[hidden]")?.removeAttribute("hidden");
    box.addEventListener("input", apply);
    if (only) only.addEventListener("change", apply);
    apply();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  localTimes(document);
  startFilters();
  for (const hidden of document.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
  document.querySelector("nav.main [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.querySelector("nav.main")?.addEventListener("focusin", (event) => {
    event.target.scrollIntoView({ inline: "center", block: "nearest" });  // a browser leaves it half outside
  });
  document.querySelector(".steps [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  const problem = document.getElementById("problem");
  if (problem) problem.focus({ preventScroll: false });
});
document.addEventListener("htmx:afterSettle", (event) => localTimes(event.target));

// what the server says by itself, shown in every [data-live=NAME]. A browser has few connections to one server for all of
// its tabs, so a tab in the background gives its own back.
function startLive() {
  const address = document.body.dataset.events;
  if (!address || !window.EventSource) return;
  const names = new Set([...document.querySelectorAll("[data-live]")].map((part) => part.dataset.live));
  let source = null;
  let again = 0;
  const show = (event) => {
    for (const part of document.querySelectorAll(`[data-live="${event.type}"]`)) {
      part.innerHTML = event.data;
      localTimes(part);
    }
  };
  const close = () => {
    clearTimeout(again);
    if (source) source.close();
    source = null;
  };
  const open = () => {
    close();
    if (document.hidden) return;
    source = new EventSource(address);
    for (const name of names) source.addEventListener(name, show);
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) again = setTimeout(open, 5000);
    });
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
}
document.addEventListener("DOMContentLoaded", startLive);

// a chart that is wider than the page shows its newest end
function showNewest(root) {
  for (const chart of root.querySelectorAll(".chart")) chart.scrollLeft = chart.scrollWidth;
}
document.addEventListener("DOMContentLoaded", () => showNewest(document));

// <div data-poll="/address" data-every="5"> is read again while the page is seen, nobody is at work in it, and the box that
// data-poll-switch names is ticked
function startPolling() {
  for (const part of document.querySelectorAll("[data-poll]")) {
    const box = document.querySelector(part.dataset.pollSwitch || "#no-such-thing");
    box?.closest("[hidden]")?.removeAttribute("hidden");
    let last = "";
    const look = async () => {
      const busy = part.contains(document.activeElement) || String(window.getSelection()) !== "";
      if (document.hidden || busy || (box && !box.checked)) return;
      const answer = await fetch(part.dataset.poll, { credentials: "same-origin" }).catch(() => null);
      if (!answer || !answer.ok) return;
      const html = await answer.text();
      if (html === last || part.contains(document.activeElement)) return;
      if (last !== "" || html.trim() !== "") part.innerHTML = html;
      last = html;
      localTimes(part);
      showNewest(part);
    };
    setInterval(look, 1000 * Number(part.dataset.every || 5));
  }
}
document.addEventListener("DOMContentLoaded", startPolling);

// tick or clear all rows that are shown
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tick]");
  if (!button) return;
  const scope = document.querySelector(button.dataset.scope);
  for (const row of scope.querySelectorAll("[data-row]:not([hidden])")) {
    const box = row.querySelector("input[type=checkbox]:not([disabled])");
    if (box) box.checked = button.dataset.tick === "yes";
  }
  scope.dispatchEvent(new Event("change", { bubbles: true }));
});

// a choice that shows its own part of the form: <input type=radio data-shows="#id">
function showParts() {
  for (const choice of document.querySelectorAll("[data-shows]")) {
    const part = document.querySelector(choice.dataset.shows);
    part.hidden = !choice.checked;
    for (const input of part.querySelectorAll("input, textarea, select")) input.disabled = !choice.checked;
  }
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-shows], [name=kind], [name=environment]")) showParts();
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("DOMContentLoaded", showParts);

// ask before what cannot be taken back; send a form once
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const button = event.submitter;
  if (button && button.dataset.busy) {
    setTimeout(() => { button.disabled = true; button.textContent = button.dataset.busy; }, 0);
  }
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
