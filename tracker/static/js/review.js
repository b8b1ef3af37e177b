// Keys of the reading desk: 1-9 tick, A accept, R return, S later, J/K next and previous.
// Everything is also a button or a link; this file only saves the hand's way.

const desk = document.getElementById('desk');
const accept = desk?.querySelector('[data-accept]');
const returning = document.getElementById('return');
const problem = desk?.querySelector('[data-problem]');
const unticked = desk?.querySelector('[data-unticked]');

const typing = (target) => target.closest?.('textarea, select, input:not([type=checkbox]):not([type=radio])');
const go = (address) => { if (address) location.assign(address); };

function openReturn() {
  if (!returning) return;
  returning.open = true;
  returning.querySelector('input[name=reasons]').focus();
  returning.scrollIntoView({ block: 'nearest' });
}

function tick(key) {
  const box = desk.querySelector(`[data-key="${key}"]:not(:disabled)`);
  if (!box) return;
  box.checked = !box.checked;
  box.dispatchEvent(new Event('change', { bubbles: true }));
}

const keys = {
  a: () => accept?.click(),
  r: openReturn,
  s: () => go(desk.dataset.next),
  j: () => go(desk.dataset.next),
  k: () => go(desk.dataset.previous),
};

if (desk) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === 'Escape' && returning?.open && !typing(event.target)) { returning.open = false; return; }
    if (typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key)) { tick(key); event.preventDefault(); return; }
    if (keys[key]) { keys[key](); event.preventDefault(); }
  });
  desk.querySelector('[data-return]')?.addEventListener('click', openReturn);

  // Says what an acceptance would mean before it is given.
  const count = () => {
    if (!unticked) return;
    const left = Number(desk.dataset.points) - desk.querySelectorAll('[name=ticked]:checked').length;
    const begun = left < Number(desk.dataset.points);
    unticked.hidden = left === 0 || !begun;
    unticked.textContent = desk.dataset.left.replace('{count}', String(left));
  };
  desk.addEventListener('change', count);
  count();

  // The server refuses a return without reason and text as well; this says so without the way there and back.
  desk.addEventListener('submit', (event) => {
    const verdict = event.submitter?.value;
    if (verdict !== 'returned' && verdict !== 'rejected') return;
    const reason = desk.querySelector('[name=reasons]:checked');
    const comment = desk.querySelector('[name=comment]');
    const missing = !reason ? desk.dataset.needReason : !comment.value.trim() ? desk.dataset.needText : '';
    if (!missing) return;
    event.preventDefault();
    event.stopPropagation();
    problem.textContent = missing;
    problem.hidden = false;
    (reason ? comment : desk.querySelector('[name=reasons]')).focus();
  }, true);
}
