// Files that are dropped, with their folders, and jobs that go on. Without it
// the forms still work.
'use strict';

const form = document.querySelector('.drop');
if (form) takeFiles(form);
const job = document.querySelector('[data-job]');
if (job) follow(job);

function takeFiles(form) {
  form.classList.add('scripted');
  for (const input of form.querySelectorAll('input[type=file]')) {
    input.addEventListener('change', () => send(form, [...input.files].map(
      (file) => ({file, name: file.webkitRelativePath || file.name}))));
  }
  // Files that miss the form would otherwise open in place of the page.
  for (const type of ['dragover', 'drop']) {
    window.addEventListener(type, (event) => event.preventDefault());
  }
  window.addEventListener('dragover', () => form.classList.add('over'));
  window.addEventListener('dragleave', () => form.classList.remove('over'));
  window.addEventListener('drop', async (event) => {
    form.classList.remove('over');
    // Entries are gone after the first pause.
    const files = [...event.dataTransfer.files];
    const entries = [...event.dataTransfer.items]
      .map((item) => item.webkitGetAsEntry()).filter((entry) => entry);
    say(form, 'reading the folder');
    try {
      const found = entries.length ? [] :
        files.map((file) => ({file, name: file.name}));
      for (const entry of entries) await walk(entry, found, form);
      send(form, found);
    } catch (error) {
      fail(form, error.message);
    }
  });
}

// Adds the files of an entry and of the folders in it to `found`.
async function walk(entry, found, form) {
  if (entry.name.startsWith('.')) return;
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    found.push({file, name: entry.fullPath.replace(/^\//, '')});
    expectFew(form, found.length);
    return;
  }
  const reader = entry.createReader();
  for (;;) {  // a reader gives 100 entries at a time
    const some = await new Promise((done, fail) =>
      reader.readEntries(done, fail));
    if (!some.length) return;
    for (const child of some) await walk(child, found, form);
  }
}

function expectFew(form, count) {
  const most = Number(form.dataset.mostFrames);
  if (count > most) {
    throw new Error(`expected at most ${most.toLocaleString('en')} files at ` +
      'once, found more; drop them in parts');
  }
}

function send(form, found) {
  const body = new FormData();
  let bytes = 0;
  for (const {file, name} of found) {
    body.append('files', file, name);
    bytes += file.size;
  }
  const most = Number(form.dataset.mostBytes);
  try {
    expectFew(form, found.length);
    if (bytes > most) {
      throw new Error(`expected at most ${most / 1e6} MB at once, found ` +
        `${Math.ceil(bytes / 1e6)} MB; drop the files in parts`);
    }
    if (!found.length) throw new Error('expected files, found none');
  } catch (error) {
    fail(form, error.message);
    return;
  }
  say(form, `sending ${found.length.toLocaleString('en')} files`);
  const bar = form.querySelector('progress');
  const request = new XMLHttpRequest();
  request.open('POST', '/api/clips');
  request.responseType = 'json';
  request.upload.onprogress = (event) => {
    bar.hidden = false;
    bar.value = event.total ? event.loaded / event.total : 0;
  };
  request.onload = () => {
    bar.hidden = true;
    if (request.status === 202) location.href = `/jobs/${request.response.id}`;
    else fail(form, request.response?.error ?? 'the files were not taken');
  };
  request.onerror = () => fail(form, 'expected `selfgait serve` to answer, ' +
    'found that it does not; is it still running?');
  request.send(body);
}

function say(form, words) {
  form.querySelector('.status').textContent = words;
  form.querySelector('.wrong').textContent = '';
}

function fail(form, words) {
  say(form, '');
  form.querySelector('progress').hidden = true;
  form.querySelector('.wrong').textContent = words;
  for (const input of form.querySelectorAll('input[type=file]')) {
    input.value = '';  // so that the same files can be chosen again
  }
}

async function follow(element) {
  const bar = element.querySelector('progress');
  const words = element.querySelector('p');
  for (let pause = 100; ; pause = Math.min(2 * pause, 800)) {
    await new Promise((done) => setTimeout(done, pause));
    let found;
    try {
      found = await (await fetch(`/api/jobs/${element.dataset.job}`)).json();
    } catch {
      words.textContent = '`selfgait serve` does not answer';
      continue;
    }
    if (!['waiting', 'running'].includes(found.state)) {
      location.reload();
      return;
    }
    if (found.total) {
      bar.max = found.total;
      bar.value = found.done;
    } else {
      bar.removeAttribute('value');
    }
    words.textContent = found.state === 'waiting' ?
      `waiting, ${found.before} before this` : found.line;
  }
}
