// Draws the leaders' page with the vendored ECharts (SVG). A click on a bar or a point opens the rows behind it;
// the same figures stand in tables, for print and for screen readers.

for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

const source = document.getElementById('charts');
const wide = window.matchMedia('(min-width: 721px)');
const FONT = getComputedStyle(document.documentElement).getPropertyValue('--font').trim() || 'sans-serif';
const text = { fontFamily: FONT, fontSize: 12, color: '#55606f' };
const PAPER = 700; // px: A4 less its margins and the card's
const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;

/** A name in at most `most` half-width columns: a Chinese character takes two. */
function shortened(name, most) {
  let wide = 0;
  for (const [place, letter] of [...name].entries()) {
    wide += letter.charCodeAt(0) > 0x2e7f ? 2 : 1;
    if (wide > most) return `${[...name].slice(0, place - 1).join('')}…`;
  }
  return name;
}

function stacked(data) {
  return {
    animation: !still,
    animationDuration: 300,
    textStyle: text,
    grid: { left: 8, right: 16, top: 36, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 12, textStyle: text },
    tooltip: { show: false },
    xAxis: { type: 'value', minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: '#eef1f4' } } },
    yAxis: { type: 'category', data: data.names, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { ...text, formatter: (name, place) => `${shortened(name, 28)}  ${data.percents[place]}%` } },
    series: data.series.map((one) => ({
      name: one.name,
      type: 'bar',
      stack: 'all',
      barMaxWidth: 16,
      itemStyle: { color: one.colour },
      cursor: 'pointer',
      label: { show: true, color: '#fff', fontSize: 11, formatter: ({ value }) => (value > 2 ? value : '') },
      data: one.values,
    })),
  };
}

function trend(data) {
  const line = (one, more) => ({
    name: one.name, type: 'line', data: one.values, symbolSize: 7, itemStyle: { color: one.colour }, lineStyle: { color: one.colour, width: 2 }, ...more,
  });
  return {
    animation: !still,
    animationDuration: 300,
    textStyle: text,
    grid: { left: 8, right: 24, top: 36, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, textStyle: text },
    tooltip: { show: false },
    xAxis: { type: 'category', data: data.months, axisLabel: text, axisTick: { show: false } },
    yAxis: { type: 'value', minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: '#eef1f4' } } },
    series: [
      line(data.due, { step: 'end', symbol: 'emptyCircle', lineStyle: { color: data.due.colour, width: 2, type: 'dashed' } }),
      line(data.complete, { symbol: 'circle', label: { show: true, fontSize: 11, color: '#1d6b45', position: 'top' } }),
    ],
  };
}

async function draw() {
  const charts = JSON.parse(source.textContent);
  const echarts = await import(document.querySelector('[data-echarts]').dataset.echarts);
  const drawn = [];
  for (const place of document.querySelectorAll('[data-chart]')) {
    const name = place.dataset.chart;
    const data = charts[name];
    const bars = Boolean(data.series);
    if (bars) place.style.height = `${60 + data.names.length * 26}px`;
    else place.style.height = '240px';
    place.style.display = 'block';
    const chart = echarts.init(place, null, { renderer: 'svg' });
    chart.setOption(bars ? stacked(data) : trend(data));
    chart.on('click', (event) => {
      const series = bars ? data.series : [data.due, data.complete];
      location.assign(series[event.seriesIndex].links[event.dataIndex]);
    });
    drawn.push(chart);
  }
  window.addEventListener('resize', () => { for (const chart of drawn) chart.resize(); });
  // On paper the drawings are as wide as the sheet, whatever the window is.
  window.addEventListener('beforeprint', () => {
    for (const chart of drawn) chart.resize({ width: PAPER, height: chart.getDom().offsetHeight * 0.7 });
  });
  window.addEventListener('afterprint', () => { for (const chart of drawn) chart.resize({ width: 'auto', height: 'auto' }); });
}

if (source && wide.matches) draw().catch((reason) => console.warn(reason));
