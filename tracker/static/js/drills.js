// The running clock of a drill counts on the page; without this file it shows the time of loading.

const started = performance.now();
for (const clock of document.querySelectorAll('[data-since]')) {
  const before = Number(clock.dataset.since);
  const show = () => {
    const seconds = before + Math.floor((performance.now() - started) / 1000);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  show();
  setInterval(show, 500);
}
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}
