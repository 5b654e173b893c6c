// Keys for buttons, and a word where a request of htmx failed. Every page works without this.
"use strict";

const TYPED_IN = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

// data-key="1" on a button or a link: the key presses it, unless somebody types or holds a modifier.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
  if (keysAreOff()) return;
  if (event.target instanceof Element && event.target.closest(TYPED_IN)) return;
  const named = `[data-key="${CSS.escape(event.key)}"]`;
  const found = [...document.querySelectorAll(named)].find((one) => one.checkVisibility());
  if (!found || found.disabled) return;
  event.preventDefault();
  found.click();
});

// Single keys can be turned off, for people who speak to their computer or press keys by accident
// (WCAG 2.1.4). A browser that keeps nothing for pages leaves them as they are after a reload: on.
const KEYS = "keys";
let keysNow = kept(KEYS) ?? "on";

for (const line of document.querySelectorAll("[data-keys]")) {
  const box = line.querySelector("input");
  box.checked = !keysAreOff();
  box.addEventListener("change", () => {
    keysNow = box.checked ? "on" : "off";
    try { localStorage.setItem(KEYS, keysNow); } catch { /* then for this page alone */ }
  });
  line.hidden = false;
}

function keysAreOff() {
  return keysNow === "off";
}

function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

// A form that is on its way is not sent a second time by a double click.
const PATIENCE = 3000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, PATIENCE);
});

// Bodies of errors are not swapped in (htmx-config in frame.html), so an error is said here.
document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  say(status === 401 ? "You are signed out. Load the page again." : `That did not work (${status}). Load the page again.`);
});
document.addEventListener("htmx:error", () => say("The server is not reached. What is on this page may be old."));
document.addEventListener("htmx:after:swap", () => document.querySelector(".message")?.remove());

function say(text) {
  const there = document.querySelector(".message");
  const message = there ?? document.createElement("p");
  message.className = "message notice bad";
  message.setAttribute("role", "alert");
  message.textContent = text;
  if (!there) document.body.append(message);
}
