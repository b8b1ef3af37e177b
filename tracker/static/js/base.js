// What every page shares: one submission per click, and the token for requests that scripts make.

/** The CSRF token of this page. */
export function token() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

/** Headers of a request that changes something. */
export function headers(more = {}) {
  return { "X-CSRFToken": token(), "X-Requested-With": "XMLHttpRequest", Accept: "application/json", ...more };
}

/** A message above the page, read out by screen readers. kind: info, good, warning, error. */
export function flash(text, kind = "info") {
  const line = document.createElement("p");
  line.className = `flash ${kind}`;
  line.textContent = text;
  document.getElementById("flashes")?.append(line);
  return line;
}

// A double click must not submit twice. The button that was pressed still sends its value: it is only
// disabled after the browser has collected the form.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  setTimeout(() => form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true")));
});

// Back from the next page: the form may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  }
});

// The phone's menu closes on Escape and on a tap elsewhere.
const menu = document.querySelector("details.menu");
if (menu) {
  document.addEventListener("keydown", (event) => event.key === "Escape" && menu.removeAttribute("open"));
  document.addEventListener("click", (event) => menu.contains(event.target) || menu.removeAttribute("open"));
}

// A filter form with data-auto is sent as soon as a choice is made.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.dataset.auto !== undefined) form.requestSubmit();
});
