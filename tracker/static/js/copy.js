// Buttons that copy the text of another element: shown only where the browser can do it.
for (const button of document.querySelectorAll('[data-copy]')) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    let done = false;
    try {
      await navigator.clipboard.writeText(source.textContent);
      done = true;
    } catch {
      // Without TLS there is no clipboard: select the text and use the old way.
      getSelection()?.selectAllChildren(source);
      done = document.execCommand('copy');
    }
    if (!done) return;
    button.textContent = button.dataset.done;
    const said = document.getElementById('copied');
    if (said) said.textContent = button.dataset.done;
  });
}
