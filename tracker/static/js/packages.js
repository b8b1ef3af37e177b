// Packages: progress that tells itself anew, and a form in which choosing a part chooses "one part".

const EVERY = 2000; // ms

/** Asks for the state of one package until it is another one; then the page is read anew. */
async function follow(box) {
  const [bar, words] = [box.querySelector("progress"), box.querySelector("[role=status]")];
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    if (document.hidden) continue;
    let told;
    try {
      const answer = await fetch(box.dataset.package, { headers: { Accept: "application/json" } });
      if (!answer.ok) continue;
      told = await answer.json();
    } catch {
      continue; // the line is down: it may come back
    }
    if (told.state !== box.dataset.state && ["ready", "failed", "cancelled"].includes(told.state)) {
      location.reload();
      return;
    }
    bar.value = told.percent;
    if (words.textContent !== told.words) words.textContent = told.words;
  }
}

for (const box of document.querySelectorAll("[data-package]")) follow(box);

for (const field of document.querySelectorAll("[data-scope]")) {
  field.addEventListener("change", () => {
    const choice = document.querySelector(`[name="scope"][value="${field.dataset.scope}"]`);
    if (choice) choice.checked = true;
  });
}
const some = document.querySelector('[name="scope"][value="some"]');
some?.addEventListener("change", () => document.querySelector(".pk-some")?.setAttribute("open", ""));
