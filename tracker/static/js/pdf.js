// Shows a PDF page by page on canvases with the vendored pdf.js; everything it needs lies on this server.
// Pages are drawn when they come near the screen and let go when they are far away.

const place = document.querySelector('[data-pdf]');
const STEPS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3];

async function open() {
  const lib = await import(place.dataset.lib);
  lib.GlobalWorkerOptions.workerSrc = place.dataset.worker;
  const document_ = await lib.getDocument({
    url: place.dataset.pdf,
    cMapUrl: place.dataset.cmaps,
    cMapPacked: true,
    standardFontDataUrl: place.dataset.fonts,
    wasmUrl: place.dataset.wasm,
    useWasm: false, // the content security policy allows no WebAssembly
    isEvalSupported: false,
    enableXfa: false,
    // The whole file first: only whole ones are verified on their way out, and nothing wrong is ever shown as good.
    disableRange: true,
    disableStream: true,
    verbosity: lib.VerbosityLevel.ERRORS, // fonts that this computer lacks are no news
  }).promise;
  const first = await document_.getPage(1);
  view(document_, first.getViewport({ scale: 1 }));
}

function view(pdf, natural) {
  let zoom = null; // null: as wide as the desk
  const shown = document.querySelector('[data-zoom-shown]');
  const where = document.querySelector('[data-page-shown]');
  const pages = [];
  const words = (page) => place.dataset.pageWord.replace('{page}', page).replace('{pages}', pdf.numPages);
  const fit = () => Math.min(1.6, Math.max(0.3, (place.parentElement.clientWidth - 48) / (natural.width * 4 / 3)));
  const scale = () => (zoom ?? fit()) * 4 / 3; // 96 dots an inch

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const page = pages[Number(entry.target.dataset.page) - 1];
      page.near = entry.isIntersecting;
      if (page.near) draw(page); else { page.canvas?.remove(); page.canvas = null; }
    }
  }, { root: place.parentElement, rootMargin: '800px' });

  async function draw(page) {
    const wanted = scale();
    if (page.canvas && page.drawn === wanted) return;
    page.drawn = wanted;
    const sheet = await pdf.getPage(page.number);
    const box = sheet.getViewport({ scale: wanted });
    page.box.style.width = `${Math.floor(box.width)}px`;
    page.box.style.height = `${Math.floor(box.height)}px`;
    const dots = Math.min(window.devicePixelRatio || 1, 2);
    const canvas = document.createElement('canvas');
    canvas.width = Math.floor(box.width * dots);
    canvas.height = Math.floor(box.height * dots);
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', words(page.number));
    await sheet.render({
      canvasContext: canvas.getContext('2d'),
      canvas,
      viewport: box,
      transform: dots === 1 ? null : [dots, 0, 0, dots, 0, 0],
    }).promise;
    if (!page.near || page.drawn !== wanted) return;
    page.canvas?.remove();
    page.canvas = canvas;
    page.box.append(canvas);
    place.dataset.ready = '1';
  }

  function lay() {
    shown.textContent = `${Math.round((zoom ?? fit()) * 100)}%`;
    for (const page of pages) {
      page.box.style.width = `${Math.floor(natural.width * scale())}px`;
      page.box.style.height = `${Math.floor(natural.height * scale())}px`;
      if (page.near) draw(page);
    }
  }

  place.replaceChildren();
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const box = document.createElement('div');
    box.className = 'r-page';
    box.dataset.page = String(number);
    pages.push({ number, box, near: false, canvas: null, drawn: 0 });
    place.append(box);
  }
  lay();
  for (const page of pages) watcher.observe(page.box);

  const tools = document.querySelector('[data-zoom]');
  tools.hidden = false;
  const step = (direction) => {
    const at = zoom ?? fit();
    const next = direction > 0 ? STEPS.find((one) => one > at + 0.01) : STEPS.findLast((one) => one < at - 0.01);
    zoom = next ?? at;
    lay();
  };
  tools.querySelector('[data-zoom-in]').addEventListener('click', () => step(1));
  tools.querySelector('[data-zoom-out]').addEventListener('click', () => step(-1));
  tools.querySelector('[data-zoom-fit]').addEventListener('click', () => { zoom = null; lay(); });
  window.addEventListener('resize', () => { if (zoom === null) lay(); });

  const tell = () => {
    const top = place.parentElement.getBoundingClientRect().top + 80;
    const current = pages.findLast((page) => page.box.getBoundingClientRect().top <= top) ?? pages[0];
    where.textContent = words(current.number);
  };
  place.parentElement.addEventListener('scroll', tell, { passive: true });
  tell();
}

if (place) {
  open().catch((reason) => {
    const told = document.createElement('p');
    told.className = 'r-wait';
    told.textContent = place.dataset.failed;
    place.replaceChildren(told);
    console.warn(reason);
  });
}
