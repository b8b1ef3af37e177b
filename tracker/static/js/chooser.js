// File inputs in our own words: the name of what was chosen, and what is missing, beside the button.

for (const box of document.querySelectorAll(".chooser")) {
  const input = box.querySelector("input[type=file]");
  const chosen = box.querySelector(".chosen");
  const tell = () => {
    chosen.classList.remove("missing");
    chosen.textContent = [...input.files].map((file) => file.name).join(", ") || chosen.dataset.none;
  };
  input.addEventListener("change", tell);
  // The browser would say it in its own language, in a bubble at a field that cannot be seen.
  input.addEventListener("invalid", (event) => {
    event.preventDefault();
    chosen.classList.add("missing");
    chosen.textContent = chosen.dataset.missing;
    input.focus();
  });
  window.addEventListener("pageshow", tell); // coming back, the browser may have kept the choice or dropped it
}
