// The worker with flopcount in it: start it, ask it, and start it again after it was stopped or broke.

export class Engine {
  constructor(total, { progress, ready, broken }) {
    Object.assign(this, { total, progress, ready, broken, waiting: new Map(), next: 1 });
    this.start();
  }

  /** A worker made from a blob inherits the policy of the page, so the browser keeps it from other hosts too. */
  start() {
    const script = `import ${JSON.stringify(new URL("worker.js", document.baseURI).href)}; self.postMessage({ loaded: true });`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.isReady = false;
    this.worker = new Worker(url, { type: "module" });
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = (event) => this.fail(event.message || "its script cannot be loaded");
  }

  heard(data) {
    if (data.loaded) this.worker.postMessage({ start: this.total });
    else if (data.progress !== undefined) this.progress(data.progress);
    else if (data.ready) {
      this.isReady = true;
      this.ready();
    } else if (data.failed !== undefined) this.fail(data.failed, data.id);
    else {
      this.waiting.get(data.id)?.resolve(data.answer);
      this.waiting.delete(data.id);
    }
  }

  fail(reason) {
    const isStart = !this.isReady;
    for (const each of this.waiting.values()) each.resolve(null);
    this.waiting.clear();
    this.worker.terminate();
    this.broken(reason, isStart);
    if (!isStart) this.start();
  }

  /** Return the answer to a request as text; null if the worker was stopped or broke. */
  ask(request) {
    const id = this.next++;
    this.worker.postMessage({ id, ...request });
    return new Promise((resolve) => this.waiting.set(id, { resolve }));
  }

  stop() {
    for (const each of this.waiting.values()) each.resolve(null);
    this.waiting.clear();
    this.worker.terminate();
    this.start();
  }
}
