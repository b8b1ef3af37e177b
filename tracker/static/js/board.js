// The board's comforts; without this file every filter, tile and link works as a page of its own.

const filter = document.querySelector('[data-board-filter]');
if (filter) {
  filter.addEventListener('change', () => filter.requestSubmit());
  filter.querySelector('[data-board-apply]').hidden = true;
  // Defaults do not belong in the address.
  filter.addEventListener('submit', () => {
    for (const field of filter.elements) {
      if (field.value === '' || (field.name === 'group' && field.value === 'part') || (field.name === 'by' && field.value === 'due')) field.disabled = true;
    }
  });
  window.addEventListener('pageshow', () => { for (const field of filter.elements) field.disabled = false; });
}
for (const button of document.querySelectorAll('[data-board-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

const table = document.querySelector('.b-table');
let open = null; // { tile, row }

function close({ focus = true } = {}) {
  if (!open) return;
  open.row.remove();
  open.tile.removeAttribute('aria-expanded');
  open.tile.classList.remove('on');
  if (focus) open.tile.focus();
  open = null;
  history.replaceState(null, '', location.pathname + location.search);
}

async function show(tile) {
  if (open?.tile === tile) { close(); return; }
  close({ focus: false });
  const row = document.createElement('tr');
  row.className = 'b-row-open';
  const cell = row.insertCell();
  cell.colSpan = 3;
  cell.textContent = table.dataset.loading;
  tile.closest('tr').after(row);
  tile.setAttribute('aria-expanded', 'true');
  tile.classList.add('on');
  open = { tile, row };
  history.replaceState(null, '', `${location.pathname}${location.search}#${tile.id}`);
  try {
    const address = new URL(tile.href);
    address.searchParams.set('fragment', '1');
    const answer = await fetch(address, { headers: { Accept: 'text/html' } });
    if (answer.status === 401 || answer.redirected) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    cell.innerHTML = await answer.text();
  } catch {
    cell.textContent = table.dataset.failed;
    return;
  }
  const button = cell.querySelector('[data-board-close]');
  button.hidden = false;
  button.addEventListener('click', () => close());
  cell.querySelector('h2').focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
}

if (table) {
  table.addEventListener('click', (event) => {
    const tile = event.target.closest('a.t');
    if (!tile || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    show(tile);
  });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') close(); });
  const asked = location.hash.match(/^#p\d+$/) && document.getElementById(location.hash.slice(1));
  if (asked) show(asked);
}
