// The counter of the `counter` workload, and loops inside the object that are timed from outside.
export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.slice(1);
    return env.COUNTER.get(env.COUNTER.idFromName(name)).fetch(request);
  },
};

export class Counter {
  constructor(state) {
    this.storage = state.storage;
  }

  async fetch(request) {
    const query = new URL(request.url).searchParams;
    const work = query.get("do") ?? "increment";
    return new Response(String(await this[work](Number(query.get("n") ?? 1))));
  }

  // The reply waits for the write: the output gate.
  async increment() {
    const value = ((await this.storage.get("value")) ?? 0) + 1;
    this.storage.put("value", value);
    return value;
  }

  // One durable commit after another.
  async incrementSync(n) {
    for (let i = 0; i < n; i++) {
      this.storage.kv.put("value", (this.storage.kv.get("value") ?? 0) + 1);
      await this.storage.sync();
    }
    return this.storage.kv.get("value");
  }

  fill(n) {
    const value = "x".repeat(100);
    for (let i = 0; i < n; i++) this.storage.kv.put("k" + String(i).padStart(15, "0"), value);
    return n;
  }

  get(n) {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const key = "k" + String(Math.floor(Math.random() * 100000)).padStart(15, "0");
      sum += this.storage.kv.get(key).length;
    }
    return sum;
  }

  list() {
    let count = 0;
    for (const [key, value] of this.storage.kv.list()) count += key.length && value.length ? 1 : 0;
    return count;
  }

  async deleteAll() {
    await this.storage.deleteAll();
    await this.storage.sync();
    return 0;
  }
}
