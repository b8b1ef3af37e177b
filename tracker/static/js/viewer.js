// Waits for a preview that is still being made, then shows it without a reload: what the reviewer has typed stays.
// PDFs are shown by pdf.js, which looks for [data-pdf] when it is loaded.

const place = document.querySelector('[data-preview]');
const FIRST = 1500; // milliseconds
const LONGEST = 15000;
const PATIENCE = 10 * 60 * 1000; // then the reader is told to download

function say(text) {
  const line = place.querySelector('.r-wait');
  line.textContent = text;
  delete line.dataset.waiting;
}

function picture() {
  const link = document.createElement('a');
  link.className = 'r-image';
  link.href = place.dataset.preview.replace(/\/preview$/, '');
  const image = document.createElement('img');
  image.src = place.dataset.preview;
  image.alt = place.dataset.name;
  link.append(image);
  place.replaceWith(link);
}

async function ask() {
  const answer = await fetch(`${place.dataset.preview}/state`, { headers: { Accept: 'application/json' } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function wait() {
  const began = Date.now();
  for (let pause = FIRST; ; pause = Math.min(LONGEST, pause * 1.4)) {
    let found = null;
    try {
      found = await ask();
    } catch {
      found = { state: 'making' }; // a line that is gone for a moment
    }
    if (found.state === 'ready') {
      if (found.media_type.startsWith('image/')) return picture();
      place.dataset.pdf = place.dataset.preview;
      return import('./pdf.js');
    }
    if (!['wanted', 'making'].includes(found.state)) return say(place.dataset.over);
    if (Date.now() - began > PATIENCE) return say(place.dataset.long);
    await new Promise((done) => { setTimeout(done, pause); });
  }
}

if (place) wait();
else if (document.querySelector('[data-pdf]')) import('./pdf.js');
