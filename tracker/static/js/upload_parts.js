// A large file: in parts that the server checks one by one, several at a time; what has arrived is never sent again.
import { fingerprint, partDigest } from "./upload_digest.js";
import { ask, request } from "./upload_net.js";
import { Job, queue, WholeJob } from "./upload_queue.js";
import { forget, keep } from "./upload_store.js";
import { fill, sizeWords, words } from "./upload_words.js";

const WHOLE = 8 << 20; // up to here one request is the simpler thing
const LOOK = 1500; // milliseconds between two looks at a file that is being put together
const DAMAGED = 3; // times that a part may arrive otherwise than it left

export class PartsJob extends Job {
  resumable = true;
  firstPause = 1;
  id = null;
  received = new Set();
  moving = new Map(); // number -> bytes sent
  damaged = 0;
  standing = null; // a timer, while the server has no room
  partSize = 0;

  get count() {
    return Math.ceil(this.size / this.partSize);
  }

  get here() {
    let sum = 0;
    for (const number of this.received) sum += this.length(number);
    return sum;
  }

  get sent() {
    if (!this.id) return 0;
    let sum = this.here;
    for (const loaded of this.moving.values()) sum += loaded;
    return Math.min(sum, this.size);
  }

  /** What the server has is kept there: only what it has not yet been told of can be lost. */
  get atRisk() {
    return !this.id && super.atRisk;
  }

  get broken() {
    return fill(words.networkParts, { done: sizeWords(this.here) });
  }

  length(number) {
    return Math.min(this.partSize, this.size - (number - 1) * this.partSize);
  }

  next() {
    if (this.busy || this.looking || this.standing) return null;
    if (!this.id) return () => this.alone(() => this.open());
    for (let number = 1; number <= this.count; number += 1) {
      if (!this.received.has(number) && !this.moving.has(number)) return this.part(number);
    }
    return this.moving.size ? null : () => this.alone(() => this.put());
  }

  /** Steps beside which nothing else of this file may go on. */
  async alone(step) {
    this.busy = true;
    try {
      await step();
    } finally {
      this.busy = false;
    }
  }

  /** The server has no room for another part just now; what is on its way goes on. */
  stand(seconds) {
    clearTimeout(this.standing);
    this.standing = setTimeout(() => {
      this.standing = null;
      queue.pump();
    }, Math.max(1, seconds) * 1000);
  }

  stop() {
    clearTimeout(this.standing);
    this.standing = null;
    this.moving.clear();
    super.stop();
  }

  async open() {
    const { signal } = this.stopper;
    this.print ??= await fingerprint(this.file);
    const data = { file_name: this.file.name, size: this.size, fingerprint: this.print };
    if (this.evidence) data.evidence = Number(this.evidence);
    const answer = await ask("POST", `/obligations/${this.obligation}/uploads`, data);
    if (!(await this.well(answer)) || this.state === "gone") {
      if (answer.body?.id && this.state === "gone") ask("DELETE", `/uploads/${answer.body.id}`);
      return;
    }
    if (queue.jobs.some((job) => job !== this && job.id === answer.body.id)) {
      this.fail(words.already, false); // dropped twice: one of them is enough
      return;
    }
    this.know(answer.body);
    keep(this.id, this.handle);
    document.dispatchEvent(new CustomEvent("upload-open", { detail: { id: this.id } }));
    if (!signal.aborted && ["finishing", "done"].includes(answer.body.state)) this.look();
  }

  know({ id, part_size: partSize, received, max_parallel: parallel }) {
    this.id = id;
    this.partSize = partSize;
    this.received = new Set(received);
    if (parallel) queue.limit = parallel;
  }

  part(number) {
    this.moving.set(number, 0); // taken, before anybody else asks
    return () => this.sendPart(number);
  }

  async sendPart(number) {
    const { signal } = this.stopper;
    const mine = () => !signal.aborted && this.state !== "gone";
    const start = (number - 1) * this.partSize;
    const bytes = await this.file.slice(start, start + this.length(number)).arrayBuffer();
    const digest = await partDigest(bytes);
    if (!mine()) return;
    const answer = await request({
      method: "PUT",
      address: `/uploads/${this.id}/parts/${number}`,
      headers: { "Content-Type": "application/octet-stream", ...(digest && { "X-Part-SHA256": digest }) },
      body: new Blob([bytes]), // what was hashed, read once; the browser may put it aside
      signal,
      progress: (loaded) => {
        if (!mine()) return;
        this.moving.set(number, loaded);
        this.meter.note(this.sent);
        queue.tell();
      },
    });
    if (!mine()) return;
    if (answer.status === 429) {
      this.moving.delete(number);
      this.stand(answer.after);
      return;
    }
    if (await this.well(answer)) {
      this.received.add(number);
      if (answer.body.max_parallel) queue.limit = answer.body.max_parallel; // fewer while others send, too
    }
    if (mine()) this.moving.delete(number);
  }

  /** All parts are there: the server puts them together, looks into the file and answers with its draft. */
  async put() {
    this.turnTo("checking");
    const { signal } = this.stopper;
    const answer = await request({ address: `/uploads/${this.id}/finish`, signal, idle: 300_000 });
    if (signal.aborted) return;
    if (answer.status === 0 || answer.status === 504) {
      this.look(); // somebody in between was impatient: the server is asked how far it is
    } else if (!(await this.well(answer))) {
      if (this.state === "checking" && !this.looking) this.turnTo("waiting");
    } else if (answer.body.version_id && answer.body.html) this.finish(answer.body);
    else this.look();
  }

  /** It takes longer: the server is looked at now and then, and asked again for the answer once it has one. */
  async look() {
    const { signal } = this.stopper;
    this.looking = true;
    this.turnTo("checking");
    for (let over = false; !over && !signal.aborted; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      if (signal.aborted) break;
      const answer = await ask("GET", `/uploads/${this.id}`);
      if (signal.aborted) break;
      over = !(await this.well(answer)) || answer.body.state !== "finishing";
      if (over && answer.body?.state === "refused") this.fail(answer.body.problem?.message ?? words.server, false);
      else if (over && answer.body?.received && this.state === "checking") this.know({ ...answer.body, id: this.id });
    }
    this.looking = false;
    // Finish is asked again, and answers with the draft. After a pause that was too short to be noticed here, too.
    if (!signal.aborted && this.state === "checking") this.turnTo("waiting");
    queue.pump();
  }

  refused(status, body) {
    const code = body?.code;
    if (this.id && (status === 404 || status === 410 || code === "upload_gone") && !this.restarted) {
      this.restarted = true; // it has lain too long, or another window has cancelled it: from the start
      this.stop();
      this.lose();
      this.turnTo("waiting");
    } else if (code === "upload_closed") {
      this.stop(); // it is being put together, or was refused meanwhile: the server is asked which
      this.look();
    } else if ((code === "upload_incomplete" || code?.startsWith("part_")) && this.damaged < DAMAGED) {
      this.damaged += 1;
      this.interrupted(); // it arrived otherwise than it left: what the server has is asked anew
      this.lose();
    } else super.refused(status, body);
  }

  lose() {
    this.id = null;
    this.received = new Set();
  }

  cancel() {
    super.cancel();
    if (!this.id) return;
    forget(this.id);
    ask("DELETE", `/uploads/${this.id}`);
  }

  finish(answer) {
    forget(this.id);
    super.finish(answer);
  }
}

/** The right way for a file of this size. */
export const makeJob = (what) => (what.file.size > WHOLE ? new PartsJob(what) : new WholeJob(what));
