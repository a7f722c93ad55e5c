// A field of the mapping carried to a column: dragged by pointer, with the keyboard, or by a click on its handle and another
// on 'Put it here'. A drop only opens the preview of the change. Without this script the two lists above do the same.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const board = document.getElementById("board");
  const note = document.getElementById("carrying");
  if (!board || !note) return;
  const words = board.dataset;
  const said = document.getElementById("said");
  const FAR = 6; // pixels until a press becomes a drag
  const EDGE = 48; // pixels from an edge at which a list scrolls by itself
  let carried = null; // {chip, places: where it can go, at: which of them is chosen}
  let press = null; // {chip, x, y, ghost} while a button or finger is down
  let wasDrag = false;

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const say = (text) => { said.textContent = text; };
  const named = (chip) => chip.dataset.chip;
  const placeOf = (chip) => chip.closest("[data-place]");

  // why a field cannot go to a place; blank if it can
  function misfit(chip, place) {
    const { at, home, kind, fixed } = chip.dataset;
    const to = place.dataset.place;
    if (to === at || (to === "none" && !at)) return words.whyThere;
    if (to === "none") return fixed || "";
    if (to === "new") {
      if (!at) return "";
      if (home) return words.whyHome;
      return "shared" in placeOf(chip).dataset ? "" : words.whyOwn;
    }
    if (home && home !== to) return words.whyHome;
    if (place.dataset.kind && place.dataset.kind !== kind) return words.whyKind;
    const there = place.querySelector("[data-chip]");
    return there && there.dataset.fixed ? words.whyTaken : "";
  }

  function pick(chip, byPointer) {
    leave();
    const all = [...board.querySelectorAll("[data-place]")].filter((place) => !place.hidden);
    const places = all.filter((place) => !misfit(chip, place));
    if (!places.length) {
      const why = chip.dataset.fixed || (chip.dataset.home ? words.whyHome : words.whyKind);
      say(fill(words.nowhere, { field: named(chip), why }));
      return false;
    }
    carried = { chip, places, at: 0 };
    board.classList.add("carrying");
    for (const place of all) place.classList.toggle("misfit", !places.includes(place));
    chip.classList.add("picked");
    chip.querySelector(".grip").setAttribute("aria-pressed", "true");
    if (byPointer) return true;
    for (const place of places) place.querySelector(":scope > .put")?.removeAttribute("hidden");
    note.querySelector("[data-say]").textContent = fill(words.carrying, { field: named(chip) });
    note.hidden = false;
    return true;
  }

  function leave(why) {
    if (!carried) return;
    const { chip } = carried;
    carried = null;
    board.classList.remove("carrying");
    note.hidden = true;
    for (const place of board.querySelectorAll("[data-place]")) place.classList.remove("misfit", "over");
    for (const button of board.querySelectorAll(".put")) button.hidden = true;
    chip.classList.remove("picked");
    chip.querySelector(".grip").setAttribute("aria-pressed", "false");
    if (why !== undefined) say(why);
  }

  const leftWords = () => fill(words.left, { field: named(carried.chip) });

  function choose(number, aloud) {
    const { places } = carried;
    carried.at = Math.max(0, Math.min(places.length - 1, number));
    for (const [n, place] of places.entries()) place.classList.toggle("over", n === carried.at);
    const place = places[carried.at];
    place.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (aloud) say(fill(words.over, { place: place.dataset.label, n: carried.at + 1, all: places.length }));
  }

  function drop(place) {
    const { chip } = carried;
    const to = place.dataset.place;
    say(fill(words.dropped, { field: named(chip), place: place.dataset.label }));
    leave();
    window.location.assign(`${words.move}?${new URLSearchParams({ name: named(chip), to, back: words.back })}`);
  }

  // ---- keyboard, and single clicks

  board.addEventListener("click", (event) => {
    if (wasDrag) {
      wasDrag = false;
      event.preventDefault();
      return;
    }
    const put = event.target.closest(".put");
    if (put && carried) {
      drop(put.closest("[data-place]"));
      return;
    }
    const grip = event.target.closest(".grip");
    if (!grip) return;
    const chip = grip.closest("[data-chip]");
    const byKey = event.detail === 0;
    if (carried && carried.chip === chip) {
      if (byKey) drop(carried.places[carried.at]);
      else leave(leftWords());
      return;
    }
    if (!pick(chip, false)) return;
    choose(0, false);
    say(fill(words.picked, { field: named(chip), place: carried.places[0].dataset.label }));
  });

  document.getElementById("put-back").addEventListener("click", () => {
    if (!carried) return;
    const { chip } = carried;
    leave(leftWords());
    chip.querySelector(".grip").focus();
  });

  const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -1e6, End: 1e6 };
  document.addEventListener("keydown", (event) => {
    if (!carried) return;
    if (event.key === "Escape") {
      event.preventDefault();
      const { chip } = carried;
      endPress();
      leave(leftWords());
      chip.querySelector(".grip").focus();
      return;
    }
    if (!event.target.closest?.(".grip")) return;
    if (event.key in STEPS) {
      event.preventDefault();
      choose(carried.at + STEPS[event.key], true);
    } else if (event.key.length === 1 && /\w/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const { places, at } = carried; // a letter goes on to the next column that begins with it
      const order = [...places.keys()].map((n) => (at + 1 + n) % places.length);
      const found = order.find((n) => places[n].dataset.label.toLowerCase().startsWith(event.key.toLowerCase()));
      if (found !== undefined) choose(found, true);
    }
  });

  // ---- pointer

  board.addEventListener("dragstart", (event) => event.preventDefault());
  board.addEventListener("pointerdown", (event) => {
    wasDrag = false;
    const chip = event.target.closest("[data-chip]");
    const grip = event.target.closest(".grip");
    if (!chip || event.button !== 0 || !event.isPrimary) return;
    if (!grip && event.pointerType !== "mouse") return; // a finger beside the handle scrolls
    press = { chip, id: event.pointerId, x: event.clientX, y: event.clientY, ghost: null };
  });

  document.addEventListener("pointermove", (event) => {
    if (!press || event.pointerId !== press.id) return;
    if (!press.ghost) {
      if (Math.hypot(event.clientX - press.x, event.clientY - press.y) < FAR) return;
      if (!pick(press.chip, true)) { endPress(); return; }
      window.getSelection()?.removeAllRanges();
      press.ghost = document.createElement("div");
      press.ghost.className = "ghost";
      press.ghost.textContent = named(press.chip);
      document.body.append(press.ghost);
      document.body.classList.add("dragging");
      requestAnimationFrame(scrollAlong);
    }
    [press.x, press.y] = [event.clientX, event.clientY];
    press.ghost.style.transform = `translate(${press.x + 12}px, ${press.y + 12}px)`;
    show();
  });

  function under() {
    return document.elementFromPoint(press.x, press.y)?.closest("[data-place]") || null;
  }

  function show() {
    const place = under();
    for (const one of carried.places) one.classList.toggle("over", one === place);
  }

  // near an edge of a list, or of the window, it scrolls
  function scrollAlong() {
    if (!press || !press.ghost || !carried) return;
    const list = document.elementFromPoint(press.x, press.y)?.closest(".scroll");
    if (list) {
      const box = list.getBoundingClientRect();
      if (press.y < box.top + EDGE) list.scrollTop -= 8;
      else if (press.y > box.bottom - EDGE) list.scrollTop += 8;
    }
    if (press.y < EDGE) window.scrollBy(0, -8);
    else if (press.y > window.innerHeight - EDGE) window.scrollBy(0, 8);
    show();
    requestAnimationFrame(scrollAlong);
  }

  document.addEventListener("pointerup", (event) => {
    if (!press || event.pointerId !== press.id) return;
    const dragged = Boolean(press.ghost);
    const place = dragged ? under() : null;
    endPress();
    if (!dragged || !carried) return;
    wasDrag = true;
    setTimeout(() => { wasDrag = false; }, 0); // the click that ends a drag comes at once, or not at all
    if (place && carried.places.includes(place)) {
      drop(place);
      return;
    }
    const { chip } = carried;
    const why = place && place !== placeOf(chip) ? misfit(chip, place) : "";
    leave(why ? fill(words.misfit, { field: named(chip), place: place.dataset.label, why }) : leftWords());
  });
  document.addEventListener("pointercancel", () => {
    if (!press) return;
    const dragged = Boolean(press.ghost);
    endPress();
    if (dragged && carried) leave(leftWords());
  });

  function endPress() {
    press?.ghost?.remove();
    document.body.classList.remove("dragging");
    press = null;
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) { endPress(); leave(""); }
  });
});
