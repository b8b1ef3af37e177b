// Files out of drops, folders, the clipboard and the camera; what nobody means to hand in is left out and said so.
import { fill, stamp, words } from "./upload_words.js";

export const MOST = 500; // files taken from one folder; more is a whole disk, not an answer
const SYSTEM = new Set(["thumbs.db", "desktop.ini", "ehthumbs.db", "__macosx", "$recycle.bin", "system volume information"]);

/** What operating systems and office programs leave beside the files of people. */
export const isHidden = (name) => name.startsWith(".") || name.startsWith("~$") || SYSTEM.has(name.toLowerCase());

/** What was found: [{file, path, handle}], the names left out, and whether there was more than is taken. */
export class Found {
  files = [];
  hidden = [];
  tooMany = false;

  /** Whether there is room for another. */
  take(file, path, handle = null) {
    if (path.split("/").some(isHidden)) this.hidden.push(file.name);
    else if (this.files.length < MOST) this.files.push({ file, path, handle });
    else this.tooMany = true;
    return !this.tooMany;
  }

  /** What has to be said about them, in one sentence each. */
  get remarks() {
    const told = [];
    if (this.hidden.length) {
      const names = [...new Set(this.hidden)].slice(0, 4).join(words.comma);
      told.push(fill(words.hidden, { names, n: this.hidden.length }));
    }
    if (this.tooMany) told.push(fill(words.tooMany, { n: MOST }));
    if (!this.files.length && !this.hidden.length) told.push(words.emptyFolder);
    return told;
  }
}

async function walkHandle(handle, path, found) {
  if (isHidden(handle.name)) {
    found.hidden.push(handle.name);
    return;
  }
  if (handle.kind === "file") {
    found.take(await handle.getFile(), path, handle);
    return;
  }
  for await (const child of handle.values()) {
    if (found.tooMany) return;
    await walkHandle(child, `${path}/${child.name}`, found);
  }
}

async function walkEntry(entry, path, found) {
  if (isHidden(entry.name)) {
    found.hidden.push(entry.name);
    return;
  }
  if (entry.isFile) {
    found.take(await new Promise((resolve, reject) => entry.file(resolve, reject)), path);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives at most a hundred at a time, and an empty list at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length || found.tooMany) return;
    for (const child of some) await walkEntry(child, `${path}/${child.name}`, found);
  }
}

/** Everything in a drop, folders and all. To be called in the event itself: a moment later it is gone. */
export async function fromDrop(transfer) {
  const items = [...(transfer?.items ?? [])].filter((item) => item.kind === "file");
  const parts = items.map((item) => ({
    entry: item.webkitGetAsEntry?.() ?? null,
    file: item.getAsFile?.() ?? null,
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
  const found = new Found();
  if (!items.length) for (const file of transfer?.files ?? []) found.take(file, file.name);
  for (const { entry, file, handle } of parts) {
    const held = await handle;
    if (held) await walkHandle(held, held.name, found);
    else if (entry) await walkEntry(entry, entry.name, found);
    else if (file) found.take(file, file.name);
  }
  return found;
}

/** Files of an input; of one that takes folders with their paths below the folder. */
export function fromInput(input) {
  const found = new Found();
  for (const file of input.files) if (!found.take(file, file.webkitRelativePath || file.name)) break;
  return found;
}

/** Handles instead of bare files, where the browser has them; null where it has not, or nothing was chosen. */
export async function fromPicker(multiple) {
  try {
    const handles = await window.showOpenFilePicker({ multiple });
    const found = new Found();
    for (const handle of handles) found.take(await handle.getFile(), handle.name, handle);
    return found;
  } catch (error) {
    return error.name === "AbortError" ? null : undefined;
  }
}

const extension = (file) => file.name.match(/\.\w{1,5}$/)?.[0].toLowerCase() ?? `.${(file.type.split("/")[1] ?? "png").replace("jpeg", "jpg")}`;
const used = new Set();

/** The same bytes under a name that says what they are and when they came: 截图_20261123_103012.png. */
export function named(file, prefix) {
  const stem = `${prefix}_${stamp()}`;
  let name = `${stem}${extension(file)}`;
  for (let n = 2; used.has(name); n += 1) name = `${stem}_${n}${extension(file)}`;
  used.add(name);
  return new File([file], name, { type: file.type, lastModified: file.lastModified });
}

/** Files in the clipboard; a picture without a name of its own is a screenshot. */
export function fromPaste(transfer) {
  const found = new Found();
  for (const file of transfer?.files ?? []) {
    const given = /^image\.\w+$/i.test(file.name) ? named(file, words.screenshot) : file;
    found.take(given, given.name);
  }
  return found;
}
