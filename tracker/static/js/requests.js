// Asking for a later date: says at once what the chosen day comes to. The server checks it all the same.

const field = document.querySelector('#new_due');
const other = document.querySelector('[data-other]');
if (field && other) {
  const told = document.querySelector('#told');
  const off = new Set(field.dataset.off.split(' '));
  const words = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'full', timeZone: 'UTC' });

  const say = () => {
    const day = field.value;
    told.className = 'hint';
    if (!day || !other.checked) {
      told.textContent = '';
      field.setCustomValidity('');
      return;
    }
    const outside = day <= field.min || day > field.max;
    const wrong = outside ? field.dataset.outside : off.has(day) ? field.dataset.rest : '';
    field.setCustomValidity(wrong);
    told.className = wrong ? 'error' : 'hint';
    told.textContent = wrong || field.dataset.good.replace('{date}', words.format(new Date(day)));
  };
  field.addEventListener('input', () => {
    other.checked = true;
    say();
  });
  for (const choice of document.querySelectorAll('[name="offer"]')) choice.addEventListener('change', say);
}
