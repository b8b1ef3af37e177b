// Uploads that a reload or a closed lid has left unfinished: offered above the slots, and gone on with.
import { fingerprint } from "./upload_digest.js";
import { ask } from "./upload_net.js";
import { PartsJob } from "./upload_parts.js";
import { forget, kept, reopen, tidy } from "./upload_store.js";
import { announce, fill, sizeWords, words } from "./upload_words.js";

/** Why `file` is not the one that `row` began with, in words; "" when it is. */
async function different(file, row) {
  if (file.size === row.size && (await fingerprint(file)) === row.fingerprint) return "";
  if (file.name.normalize() !== row.file_name) return fill(words.otherName, { want: row.file_name, got: file.name });
  if (file.size !== row.size) return fill(words.otherSize, { want: sizeWords(row.size), got: sizeWords(file.size) });
  return words.otherContent;
}

const bytesHere = (row) => row.received.reduce((sum, n) => sum + Math.min(row.part_size, row.size - (n - 1) * row.part_size), 0);

/** A job for what the server has wholly: it needs no file any more. */
function jobWithoutFile(row) {
  const file = { name: row.file_name, size: row.size };
  const job = new PartsJob({ file, obligation: row.obligation_id, evidence: row.evidence_id, declared: true });
  job.know(row);
  return job;
}

function offer(row, begin) {
  const line = document.getElementById("unfinished-row").content.firstElementChild.cloneNode(true);
  const part = (name) => line.querySelector(name);
  const tell = (text) => {
    part(".told").textContent = text;
    line.classList.toggle("failed", Boolean(text));
    if (text) announce(text);
  };
  const done = bytesHere(row);
  line.dataset.upload = row.id;
  part(".name").textContent = row.file_name;
  part(".where").textContent = row.place ?? "";
  part("progress").value = (done / row.size) * 100;
  part("progress").setAttribute("aria-label", fill(words.barOf, { file: row.file_name }));
  part(".state").textContent = fill(words.paused, { done: sizeWords(done), total: sizeWords(row.size) });

  const go = async (file, handle) => {
    const wrong = await different(file, row);
    if (wrong) {
      tell(wrong);
      return;
    }
    const job = new PartsJob({ file, obligation: row.obligation_id, evidence: row.evidence_id, handle, declared: true });
    begin(job, row);
  };
  const input = part("input[type=file]");
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) go(file, null);
    input.value = "";
  });
  kept(row.id).then((handle) => {
    if (!handle) return;
    part(".go").hidden = false;
    part(".choose .link-like").textContent = words.chooseInstead;
    part(".choose").classList.add("second");
    part(".go").addEventListener("click", async () => {
      const file = await reopen(handle);
      if (file) go(file, handle);
      else tell(words.notGiven);
    });
  });
  part(".drop-it").addEventListener("click", async () => {
    const answer = await ask("DELETE", `/uploads/${row.id}`);
    if (answer.status === 0 || answer.status >= 500) {
      tell(words.server);
      return;
    }
    forget(row.id);
    announce(fill(words.saidCancelled, { file: row.file_name }));
    line.dispatchEvent(new CustomEvent("upload-open", { bubbles: true, detail: { id: row.id } }));
  });
  return line;
}

/**
 * Looks for unfinished uploads and offers those that `wanted(row)` says belong here. `begin(job, row)` puts a job
 * on its way.
 */
export async function offerUnfinished(wanted, begin) {
  const card = document.getElementById("unfinished");
  if (!card) return;
  tidy();
  const answer = await fetch("/uploads", { headers: { Accept: "application/json" } }).catch(() => null);
  const all = answer?.ok ? (await answer.json()).uploads : [];
  const rows = all.filter(wanted);
  const elsewhere = document.getElementById("unfinished-elsewhere");
  elsewhere.hidden = all.length === rows.length;
  elsewhere.firstElementChild.textContent = fill(words.elsewhere, { n: all.length - rows.length });
  const list = card.querySelector(".unfinished-list");
  const count = () => {
    card.hidden = !list.children.length;
    card.querySelector("h2").textContent = fill(words.unfinished, { n: list.children.length });
  };
  const remove = (id) => {
    list.querySelector(`[data-upload="${CSS.escape(id)}"]`)?.remove();
    count();
  };
  document.addEventListener("upload-open", (event) => remove(event.detail.id));
  for (const row of rows) {
    if (row.state === "finishing" || bytesHere(row) === row.size) {
      begin(jobWithoutFile(row), row);
      continue;
    }
    list.append(offer(row, (job) => {
      remove(row.id);
      begin(job, row);
    }));
  }
  count();
  if (list.children.length) announce(fill(words.unfinished, { n: list.children.length }));
}
