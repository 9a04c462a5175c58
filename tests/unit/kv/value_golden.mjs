// Writes the golden files of tests/format/values: what a real V8 makes of the values in value_cases.mjs.
//
//   node value_golden.mjs node > ../../format/values/node20.jsonl
//   node value_golden.mjs workerd PATH-OF-WORKERD > ../../format/values/workerd.jsonl     (needs python3)
//   node value_golden.mjs check FILE
//
// A line is {"name", "hex", "value", "history"?}: the bytes, and the value in the form of the recorded scenarios.
// `check` reads such lines, written by somebody else, and says which this Node's V8 does not read as that value.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { cases } from './value_cases.mjs';
import { describe } from './value_describe.mjs';

const here = dirname(fileURLToPath(import.meta.url));

function serialize(value) {
  const serializer = new v8.Serializer();
  serializer._setTreatArrayBufferViewsAsHostObjects(false);
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

function line(name, bytes, value, options) {
  return JSON.stringify({ name, hex: Buffer.from(bytes).toString('hex'), value, ...options });
}

function fromNode() {
  for (const [name, make, options] of cases) console.log(line(name, serialize(make()), describe(make()), options));
}

const worker = `
import { DurableObject } from 'cloudflare:workers';
import { cases } from './value_cases.mjs';
import { describe } from './value_describe.mjs';
export class Store extends DurableObject {
  async fetch() {
    return Response.json(cases.map(([name, make, options], i) => {
      this.ctx.storage.kv.put(String(i), make());
      return [name, describe(make()), options];
    }));
  }
}
export default { fetch: (request, env) => env.STORE.get(env.STORE.idFromName('golden')).fetch(request) };
`;

const config = (directory, port) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [ (name = "worker", esModule = embed "worker.js"),
                  (name = "value_cases.mjs", esModule = embed "value_cases.mjs"),
                  (name = "value_describe.mjs", esModule = embed "value_describe.mjs") ],
      compatibilityDate = "2026-02-23",
      durableObjectNamespaces = [ (className = "Store", uniqueKey = "store", enableSql = true) ],
      durableObjectStorage = (localDisk = "disk"),
      bindings = [ (name = "STORE", durableObjectNamespace = "Store") ])),
    (name = "disk", disk = (path = "${directory}", writable = true)) ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ]);
`;

const readStore = `
import glob, json, sqlite3, sys
for path in glob.glob(sys.argv[1] + '/**/*.sqlite', recursive=True):
    if 'metadata' not in path:
        rows = sqlite3.connect(path).execute('SELECT key, value FROM _cf_KV')
        print(json.dumps({key: value.hex() for key, value in rows}))
`;

async function fromWorkerd(binary) {
  const directory = mkdtempSync(join(tmpdir(), 'value-golden-'));
  const port = 8978;
  for (const file of ['value_cases.mjs', 'value_describe.mjs']) writeFileSync(join(directory, file), readFileSync(join(here, file)));
  writeFileSync(join(directory, 'worker.js'), worker);
  writeFileSync(join(directory, 'config.capnp'), config(directory, port));
  const server = spawn(binary, ['serve', join(directory, 'config.capnp')], { stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const descriptions = await ask(`http://127.0.0.1:${port}/`);
    const python = spawnSync('python3', ['-c', readStore, directory], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const stored = JSON.parse(python.stdout);
    descriptions.forEach(([name, value, options], i) => console.log(line(name, Buffer.from(stored[i], 'hex'), value, options)));
  } finally {
    server.kill();
    rmSync(directory, { recursive: true });
  }
}

async function ask(url) {
  for (let attempt = 0; ; ++attempt) {
    try {
      return await (await fetch(url)).json();
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function check(path) {
  let wrong = 0;
  for (const text of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
    const { name, hex, value } = JSON.parse(text);
    const problem = difference(hex, value);
    if (problem) {
      console.log(`${name}: ${problem}`);
      ++wrong;
    }
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

function difference(hex, expected) {
  try {
    const deserializer = new v8.Deserializer(Buffer.from(hex, 'hex'));
    deserializer.readHeader();
    const found = describe(deserializer.readValue());
    // As text, because the order of properties counts.
    return JSON.stringify(found) === JSON.stringify(expected) ? null : `read as ${JSON.stringify(found).slice(0, 300)}`;
  } catch (error) {
    return `not read: ${error.message}`;
  }
}

const [mode, argument] = process.argv.slice(2);
if (mode === 'workerd') {
  await fromWorkerd(argument);
} else if (mode === 'check') {
  check(argument);
} else {
  fromNode();
}
