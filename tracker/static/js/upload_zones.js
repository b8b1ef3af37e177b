// Where files come in: inputs of every kind, drops of files and folders, the clipboard. Calls take(found, zone).
import { flash } from "./base.js";
import { fromDrop, fromInput, fromPaste, fromPicker, named } from "./upload_drop.js";
import { words } from "./upload_words.js";

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Says what was left out, and hands on the rest. */
function hand(found, zone, take) {
  for (const remark of found.remarks) flash(remark, "warning");
  if (found.files.length) take(found, zone);
}

/** An input takes what is chosen, with handles where the browser has them: those survive a reload. */
export function watchInput(input, zone, take) {
  const camera = input.hasAttribute("capture"); // browsers without one do not know the property
  const chosen = () => {
    const found = fromInput(input);
    if (camera) for (const one of found.files) one.file = named(one.file, words.photo);
    hand(found, zone, take);
    input.value = ""; // the same file may be chosen again
  };
  input.addEventListener("change", chosen);
  if (input.files.length) chosen(); // somebody was quicker than this script
  if (!window.showOpenFilePicker || camera || input.webkitdirectory) return;
  let plain = false;
  input.addEventListener("click", async (event) => {
    if (plain) return;
    event.preventDefault();
    const found = await fromPicker(input.multiple);
    if (found) hand(found, zone, take);
    if (found !== undefined) return;
    plain = true; // the browser has it but does not give it: its old window does
    input.click();
  });
}

/** A whole element takes what is dropped on it. `accepts`: whether it does now. */
export function watchDrop(element, zone, take) {
  let depth = 0;
  const over = (on) => element.classList.toggle("over", on);
  element.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    over(true);
  });
  element.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth -= 1;
    if (depth <= 0) over(false);
  });
  element.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    over(false);
    try {
      hand(await fromDrop(event.dataTransfer), zone, take);
    } catch {
      flash(words.unreadable, "error");
    }
  });
}

/** Elsewhere a drop must not replace the page by the file. */
export function guardPage() {
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => event.preventDefault());
}

/** Asks for one of `choices` ([{label, value}]) in a dialog; null when closed. */
function choose(choices) {
  const dialog = document.getElementById("which-slot");
  const list = dialog.querySelector(".choices");
  return new Promise((resolve) => {
    let chosen = null;
    list.replaceChildren(...choices.map(({ label, value }) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "btn q full", textContent: label });
      button.addEventListener("click", () => {
        chosen = value;
        dialog.close();
      });
      return button;
    }));
    dialog.addEventListener("close", () => resolve(chosen), { once: true });
    dialog.showModal();
  });
}

/**
 * Ctrl+V anywhere on the page. The slot that holds the focus, or the pointer, takes it; else the person is asked.
 * `zones()` gives [{element, zone, label}].
 */
export function watchPaste(zones, take) {
  document.addEventListener("paste", async (event) => {
    const { clipboardData } = event;
    // Text that goes into a field is not a file, even where a picture of it lies beside it.
    const typing = event.target.closest?.("input:not([type=file], [type=checkbox]), textarea, select, [contenteditable]");
    if (!clipboardData?.files.length || (typing && clipboardData.types.includes("text/plain"))) return;
    event.preventDefault();
    const found = fromPaste(clipboardData);
    const all = zones();
    const here = all.find(({ element }) => element.contains(document.activeElement)) ?? all.find(({ element }) => element.matches(":hover"));
    const zone = here?.zone ?? (all.length === 1 ? all[0].zone : await choose(all.map(({ label, zone: value }) => ({ label, value }))));
    if (zone) hand(found, zone, take);
  });
}
