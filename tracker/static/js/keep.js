// Keeps what is typed into forms marked data-keep until the server has accepted it, so that an expired session,
// an expired token or a closed tab's reload loses nothing. Only in this tab (sessionStorage), never passwords or files,
// and only for the person who typed it.
//
// A form's name is data-keep="…" or its action; a page that accepted a form says so by not showing the form's
// old values: entries are dropped as soon as the form was answered by another page than login or an error page.
import { flash } from "./base.js";

const PREFIX = "keep:";
const AGE = 12 * 3600 * 1000;
const person = document.body.dataset.person;

const keyOf = (form) => `${PREFIX}${location.pathname}${location.search}|${form.dataset.keep || form.getAttribute("action") || ""}`;
const isKept = (field) => field.name && !["hidden", "password", "file", "submit", "button"].includes(field.type);

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the form works without.
  }
}

const isSwitch = (field) => field.type === "checkbox" || field.type === "radio";

/** Values as the page came, so that restoring what is there already is not announced. */
function values(form) {
  return [...form.elements].filter(isKept).map((field) => [
    field.name,
    isSwitch(field) ? `${field.value}=${field.checked}` : field.value,
  ]);
}

function remember(form) {
  write(keyOf(form), { person, at: Date.now(), values: values(form), sent: false });
}

function restore(form, kept) {
  let changed = false;
  const fields = [...form.elements].filter(isKept);
  for (const [name, value] of kept.values) {
    const field = fields.find((one) => one.name === name && (!isSwitch(one) || value.startsWith(`${one.value}=`)));
    if (!field) continue;
    fields.splice(fields.indexOf(field), 1);
    if (isSwitch(field)) {
      const wanted = value === `${field.value}=true`;
      if (field.checked === wanted) continue;
      field.checked = wanted;
    } else {
      if (field.value === value) continue;
      field.value = value;
    }
    changed = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  return changed;
}

/** To be called by scripts that submit a kept form themselves, after the server accepted it. */
export function forget(form) {
  sessionStorage.removeItem(keyOf(form));
}

// What was sent is accepted once a page other than login, new password or an error has come; else it was refused.
function settle() {
  const refused = document.querySelector("[data-error]") || ["/login", "/password"].includes(location.pathname);
  for (const key of Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX))) {
    const kept = read(key);
    if (!kept || Date.now() - kept.at > AGE || (person && kept.person && kept.person !== person)) {
      sessionStorage.removeItem(key);
    } else if (kept.sent && refused) {
      write(key, { ...kept, sent: false });
    } else if (kept.sent && person) {
      sessionStorage.removeItem(key);
    }
  }
}

settle();
if (person) {
  let restored = false;
  for (const form of document.querySelectorAll("form[data-keep]")) {
    const kept = read(keyOf(form));
    if (kept) restored = restore(form, kept) || restored;
  }
  // Fields may stand elsewhere in the page (form="…"), so the page listens, not the form.
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => event.target.form?.dataset.keep !== undefined && remember(event.target.form));
  }
  if (restored) flash(document.body.dataset.restored, "info");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.dataset.keep === undefined) return;
  const kept = read(keyOf(form));
  if (kept) write(keyOf(form), { ...kept, sent: true });
});
