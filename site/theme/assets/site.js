// The menu on wide screens, and the search over sections.js. Nothing is loaded from anywhere.
"use strict";
const menu = document.getElementById("menu");
const wide = matchMedia("(min-width: 60rem)");
const fit = () => { menu.open = wide.matches; };
wide.addEventListener("change", fit);
fit();

const find = document.getElementById("find");
const found = document.getElementById("found");
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const sections = (window.SECTIONS || []).map((s) => ({ ...s, title_: fold(s.title), text_: fold(s.text), on_: fold(s.on) }));

function score(section, words) {
  let sum = 0;
  for (const word of words) {
    const here = (section.title_.includes(word) ? 10 : 0) + (section.on_.includes(word) ? 4 : 0) + (section.text_.includes(word) ? 1 : 0);
    if (!here) return 0;
    sum += here;
  }
  return sum;
}

function excerpt(section, words) {
  const at = Math.max(0, section.text_.indexOf(words[0]) - 50);
  return (at ? "… " : "") + section.text.slice(at, at + 140) + (section.text.length > at + 140 ? " …" : "");
}

function show() {
  const words = fold(find.value).split(/\s+/).filter(Boolean);
  found.replaceChildren();
  found.hidden = !words.length;
  if (!words.length) return;
  const best = sections.map((s) => [score(s, words), s]).filter(([n]) => n).sort((a, b) => b[0] - a[0]).slice(0, 12);
  for (const [, section] of best) {
    const link = document.createElement("a");
    link.href = `${document.body.dataset.root}/${section.page}#${section.at}`;
    const title = document.createElement("b");
    title.textContent = section.title === section.on ? section.title : `${section.on}: ${section.title}`;
    const text = document.createElement("span");
    text.textContent = excerpt(section, words);
    link.append(title, text);
    found.append(link);
  }
  if (!best.length) found.textContent = "Nothing found.";
}

find.addEventListener("input", show);
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  found.querySelector("a")?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { find.value = ""; show(); }
  if (event.key === "/" && document.activeElement !== find) { event.preventDefault(); find.focus(); }
});
