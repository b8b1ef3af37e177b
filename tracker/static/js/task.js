// Drafts get their dates, the confirmed ones are submitted together; errors stand beside the file they are about.
import { flash, headers } from "./base.js";
import { forget } from "./keep.js";

const form = document.getElementById("submit-form");
const source = document.getElementById("task-words");
const words = source ? JSON.parse(source.textContent) : {};
const button = document.getElementById("submit-button");
const told = document.getElementById("submit-told");
const DAY = 24 * 3600 * 1000;

const drafts = () => [...document.querySelectorAll("[data-draft]")].filter((row) => row.querySelector("[name=version]"));
const tick = (row) => row.querySelector("[name=version]");

function show(row, field, message) {
  const line = row.querySelector(`.error[data-field="${field}"]`) ?? row.querySelector('.error[data-field=""]');
  line.textContent = message;
  line.hidden = false;
  line.closest("[hidden]")?.removeAttribute("hidden");
  line.closest("details")?.setAttribute("open", "");
  const input = row.querySelector(`[name="${field}-${row.dataset.draft}"]`);
  input?.setAttribute("aria-invalid", "true");
  row.classList.add("wrong");
  return input ?? tick(row);
}

function clear(row) {
  row.classList.remove("wrong");
  for (const line of row.querySelectorAll(".error")) line.hidden = true;
  for (const input of row.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Material older than 90 days needs a reason; the field comes when the date says so. */
function askLate(row) {
  const value = row.querySelector('[name^="doc_date-"]')?.value;
  const old = value && row.dataset.coverage !== "standing" && (new Date(words.today) - new Date(value)) / DAY > words.lateDays;
  const field = row.querySelector(".late");
  if (field && (old || field.querySelector("input").value)) field.hidden = false;
  else if (field) field.hidden = true;
}

/** The offer to take the period as it is stands only while something else is typed. */
function offerPeriod(row) {
  const button = row.querySelector(".fill");
  if (!button) return;
  const typed = (name) => row.querySelector(`[name="${name}-${row.dataset.draft}"]`).value;
  button.hidden = typed("covered_from") === button.dataset.from && typed("covered_to") === button.dataset.to;
}

function count() {
  const rows = drafts();
  const ready = rows.filter((row) => tick(row).checked).length;
  button.textContent = ready ? words.submitCount.replace("{n}", ready) : words.submit;
  if (rows.length) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

function prepare(row) {
  askLate(row);
  offerPeriod(row);
  row.querySelector(".fill")?.addEventListener("click", (event) => {
    const { from, to } = event.target.dataset;
    for (const [name, value] of [["covered_from", from], ["covered_to", to]]) {
      const input = row.querySelector(`[name="${name}-${row.dataset.draft}"]`);
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
}

async function send() {
  button.setAttribute("aria-disabled", "true");
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: headers() });
  } catch {
    return flash(words.failed, "error");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) {
    forget(form);
    location.assign(body.location);
    return undefined;
  }
  if (answer.status === 401 && body.login) {
    location.href = body.login; // what was typed comes back after signing in
    return undefined;
  }
  let first;
  for (const [id, error] of Object.entries(body.data?.errors ?? {})) {
    const row = document.querySelector(`[data-draft="${id}"]`);
    if (row) first ??= show(row, error.field ?? "", error.message);
  }
  told.textContent = body.message ?? words.failed;
  told.classList.add("error");
  first?.focus();
  return first ?? flash(body.message ?? words.failed, "error");
}

if (form) {
  // The fields of a draft belong to the form without standing inside it: its own listeners must hear of them.
  document.addEventListener("input", (event) => {
    const row = event.target.closest?.("[data-draft]");
    if (!row) return;
    if (event.target.name?.match(/^(doc_date|covered_from|covered_to)-/) && event.target.value) tick(row).checked = true;
    clear(row);
    askLate(row);
    offerPeriod(row);
    count();
    form.dispatchEvent(new Event("input"));
  });
  document.addEventListener("draft-added", (event) => {
    prepare(event.detail.row);
    count();
    form.dispatchEvent(new Event("input"));
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.sending) return;
    const rows = drafts();
    const ready = rows.filter((row) => tick(row).checked);
    told.classList.remove("error");
    if (!ready.length) {
      told.textContent = rows.length ? words.none : words.noDrafts;
      told.classList.add("error");
      if (rows.length) tick(rows[0])?.focus();
      return;
    }
    rows.forEach(clear);
    form.dataset.sending = "1";
    await send();
    delete form.dataset.sending;
    count();
  });
  drafts().forEach(prepare);
  count();
}

// A card that an address or a list points to opens itself.
function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  let holder = target instanceof HTMLElement ? target.closest("details") : null;
  if (!holder) return;
  for (; holder; holder = holder.parentElement.closest("details")) holder.open = true;
  target.scrollIntoView();
}
window.addEventListener("hashchange", open);
open();
