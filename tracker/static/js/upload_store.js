// Handles of files that are on their way in parts, kept in this browser so that a reload can ask for the same file
// again. Only where the browser has them (https or this very machine, Chromium); everywhere else it is chosen again.

const BASE = "tracker-uploads";
const TABLE = "handles";
const DAYS = 8; // a little longer than the server keeps an unfinished upload

const settled = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

async function table(mode) {
  const opening = indexedDB.open(BASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const base = await settled(opening);
  base.onversionchange = () => base.close();
  return base.transaction(TABLE, mode).objectStore(TABLE);
}

/** Whether this browser can give a file back after a reload at all. */
export const keepsFiles = Boolean(globalThis.indexedDB && globalThis.FileSystemFileHandle);

export async function keep(id, handle) {
  if (!handle || !keepsFiles) return;
  try {
    await settled((await table("readwrite")).put({ handle, at: Date.now() }, id));
  } catch {
    // A private window, or no room: the file will be chosen again.
  }
}

/** The handle of an upload, or null. */
export async function kept(id) {
  if (!keepsFiles) return null;
  try {
    return (await settled((await table("readonly")).get(id)))?.handle ?? null;
  } catch {
    return null;
  }
}

export async function forget(id) {
  if (!keepsFiles) return;
  try {
    await settled((await table("readwrite")).delete(id));
  } catch {
    // Nothing was kept.
  }
}

/** Takes away what is too old to be of use. */
export async function tidy() {
  if (!keepsFiles) return;
  try {
    const rows = await table("readwrite");
    const walk = rows.openCursor();
    walk.onsuccess = () => {
      const row = walk.result;
      if (!row) return;
      if (Date.now() - row.value.at > DAYS * 24 * 3600 * 1000) row.delete();
      row.continue();
    };
  } catch {
    // Nothing was kept.
  }
}

/** The file behind a handle, asking the person for leave where the browser wants it (only right after a click). */
export async function reopen(handle) {
  try {
    const leave = { mode: "read" };
    const given = (await handle.queryPermission?.(leave)) ?? "granted";
    if (given !== "granted" && (await handle.requestPermission(leave)) !== "granted") return null;
    return await handle.getFile();
  } catch {
    return null; // moved, renamed or deleted
  }
}
