// One request with progress; and a fresh token for a page that has outlived its session.
import { token } from "./base.js";

/**
 * Sends `body` and resolves to {status, body, login}: status 0 when the line was lost or nothing moved for `idle`
 * milliseconds (a laptop that slept wakes up with connections that are long gone). Rejects only when `signal` aborts.
 */
export function request({ method = "POST", address, body = null, headers = {}, progress, signal, idle = 60_000 }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let timer;
    let quiet = idle;
    const settle = (how, value) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      how(value);
    };
    const lost = () => settle(resolve, { status: 0, body: null });
    const stop = () => {
      settle(reject, new DOMException("", "AbortError"));
      xhr.abort();
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        lost();
        xhr.abort();
      }, quiet);
    };
    xhr.open(method, address);
    xhr.responseType = "json";
    xhr.setRequestHeader("X-CSRFToken", token());
    xhr.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.addEventListener("progress", ({ loaded, total }) => {
      watch();
      progress?.(loaded, total);
    });
    // Everything has left: now the server looks at it, which may take its time.
    xhr.upload.addEventListener("load", () => {
      quiet = idle * 5;
      watch();
    });
    xhr.addEventListener("load", () => {
      settle(resolve, { status: xhr.status, body: xhr.response, after: Number(xhr.getResponseHeader("Retry-After")) || 0 });
    });
    xhr.addEventListener("error", lost);
    if (signal?.aborted) {
      reject(new DOMException("", "AbortError"));
      return;
    }
    signal?.addEventListener("abort", stop);
    watch();
    xhr.send(body);
  });
}

/** A request without a body to speak of, as JSON. */
export function ask(method, address, data) {
  const headers = data === undefined ? {} : { "Content-Type": "application/json" };
  return request({ method, address, headers, body: data === undefined ? null : JSON.stringify(data) });
}

/**
 * A fresh token for this page, after the session ended and somebody signed in again elsewhere; false when nobody
 * has. The page itself stays, with what is on its way and what was typed.
 */
export async function renew() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const { person } = document.body.dataset;
  // Somebody else has signed in: this page, and what is chosen on it, is not theirs.
  if (!person || fresh.body.dataset.person !== person) return false;
  const secretOfForms = fresh.querySelector('meta[name="csrf-token"]').content;
  document.querySelector('meta[name="csrf-token"]').content = secretOfForms;
  for (const input of document.querySelectorAll("input[name=csrf_token]")) input.value = secretOfForms;
  return true;
}
