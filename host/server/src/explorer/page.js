// The explorer page: asks the server it came from, and nobody else. Everything from an answer goes
// into the page as text, never as markup.
"use strict";

const by = (id) => document.getElementById(id);
const START = "# Ctrl+Enter runs what is here.\n{\n  InfrahubInfo { version deployment_id }\n  BuiltinTag(limit: 10) {\n    count\n    edges { node { id display_label } }\n  }\n}\n";
const DEPTH = 7;

let types = new Map();
let trail = [];

const kept = {
  get(name, otherwise) { try { return localStorage.getItem("kiln-" + name) ?? otherwise; } catch { return otherwise; } },
  set(name, value) { try { localStorage.setItem("kiln-" + name, value); } catch { /* private windows keep nothing */ } },
};

async function ask(query, variables, operationName, branch) {
  const headers = { "content-type": "application/json" };
  const token = by("token").value.trim();
  if (token) headers["x-infrahub-key"] = token;
  const path = "/graphql/" + encodeURIComponent(branch);
  const sent = await fetch(path, { method: "POST", headers, body: JSON.stringify({ query, variables, operationName }) });
  const text = await sent.text();
  try { return { status: sent.status, json: JSON.parse(text), size: text.length }; }
  catch { return { status: sent.status, json: { text }, size: text.length }; }
}

function say(text, failed) {
  by("state").textContent = text;
  by("state").className = failed ? "failed" : "";
}

function operations(query) {
  const plain = query.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, " ");
  return [...plain.matchAll(/\b(?:query|mutation)\s+([A-Za-z_]\w*)/g)].map((found) => found[1]);
}

function listOperations() {
  const names = operations(by("query").value);
  const before = by("operation").value;
  by("operation").replaceChildren(...names.map((name) => new Option(name, name, false, name === before)));
  by("operation").disabled = names.length < 2;
}

async function run() {
  let variables = {};
  const written = by("variables").value.trim();
  if (written) {
    try { variables = JSON.parse(written); }
    catch (bad) { say("the variables are no JSON: " + bad.message, true); return; }
  }
  kept.set("query", by("query").value);
  kept.set("variables", by("variables").value);
  say("…");
  const began = performance.now();
  try {
    const told = await ask(by("query").value, variables, by("operation").value || null, by("branch").value || "main");
    by("answer").textContent = JSON.stringify(told.json, null, 2);
    const took = Math.round(performance.now() - began);
    const failed = told.status !== 200 || Boolean(told.json.errors);
    say(`${told.status}, ${told.size} bytes, ${took} ms`, failed);
  } catch (bad) {
    say("the server does not answer: " + bad.message, true);
  }
}

const TYPE = "name kind " + Array(DEPTH).fill("ofType { name kind ").join("") + "}".repeat(DEPTH);
const INTROSPECTION = `{ __schema { queryType { name } mutationType { name } types { name kind description
  fields { name description args { name type { ${TYPE} } } type { ${TYPE} } }
  inputFields { name type { ${TYPE} } } enumValues { name } possibleTypes { name } } } }`;

const written = (type) => type.kind === "NON_NULL" ? written(type.ofType) + "!" : type.kind === "LIST" ? "[" + written(type.ofType) + "]" : type.name;
const core = (type) => type.ofType ? core(type.ofType) : type.name;

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function link(text, to) {
  const made = element("button", text, "name");
  made.type = "button";
  made.addEventListener("click", () => { trail.push(to); show(); });
  return made;
}

function fieldOf(field) {
  const made = element("article");
  const line = element("code", field.name);
  made.append(line);
  if (field.args && field.args.length) {
    const shown = field.args.slice(0, 12).map((arg) => `${arg.name}: ${written(arg.type)}`).join(" ");
    const more = field.args.length > 12 ? ` … ${field.args.length - 12} more` : "";
    made.append(element("p", `(${shown}${more})`));
  }
  made.append(document.createTextNode(": "), link(written(field.type), core(field.type)));
  if (field.description) made.append(element("p", field.description));
  return made;
}

function show() {
  const wanted = by("search").value.trim().toLowerCase();
  const name = trail[trail.length - 1];
  by("trail").replaceChildren(...trail.map((one, at) => {
    const made = link(one, one);
    made.addEventListener("click", () => { trail = trail.slice(0, at + 1); show(); });
    return made;
  }).flatMap((made) => [made, document.createTextNode(" ")]));
  const listed = by("listed");
  const type = types.get(name);
  if (!type) {
    const names = [...types.keys()].filter((one) => !one.startsWith("__") && one.toLowerCase().includes(wanted)).sort();
    listed.replaceChildren(...names.slice(0, 300).map((one) => { const made = element("article"); made.append(link(one, one)); return made; }));
    if (names.length > 300) listed.append(element("p", `… ${names.length - 300} more`));
    return;
  }
  const fields = [...(type.fields ?? []), ...(type.inputFields ?? [])].filter((field) => field.name.toLowerCase().includes(wanted));
  const head = element("article");
  head.append(element("p", `${type.kind.toLowerCase()} ${type.name}`));
  if (type.description) head.append(element("p", type.description));
  const values = (type.enumValues ?? []).map((value) => { const made = element("article"); made.append(element("code", value.name)); return made; });
  const kinds = (type.possibleTypes ?? []).map((kind) => { const made = element("article"); made.append(document.createTextNode("... on "), link(kind.name, kind.name)); return made; });
  listed.replaceChildren(head, ...fields.slice(0, 300).map(fieldOf), ...values, ...kinds);
}

async function learn() {
  const branch = by("branch").value || "main";
  const told = await ask(INTROSPECTION, {}, null, branch);
  const schema = told.json.data && told.json.data.__schema;
  if (!schema) { say(told.json.errors ? told.json.errors[0].message : "no types", true); return; }
  types = new Map(schema.types.map((type) => [type.name, type]));
  trail = [schema.queryType.name];
  show();
}

async function branches() {
  const told = await ask("{ Branch { name is_default } }", {}, null, "main");
  const all = (told.json.data && told.json.data.Branch) || [{ name: "main", is_default: true }];
  const before = by("branch").value || decodeURIComponent(location.pathname.replace(/^\/graphql\/?/, "")) || "main";
  by("branch").replaceChildren(...all.map((one) => new Option(one.name, one.name, false, one.name === before)));
}

function indent(event) {
  if (event.key !== "Tab" || event.shiftKey) return;
  event.preventDefault();
  event.target.setRangeText("  ", event.target.selectionStart, event.target.selectionEnd, "end");
}

async function start() {
  by("query").value = kept.get("query", START);
  by("variables").value = kept.get("variables", "");
  by("token").value = (() => { try { return sessionStorage.getItem("kiln-token") ?? ""; } catch { return ""; } })();
  by("run").addEventListener("click", run);
  document.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); } });
  by("query").addEventListener("input", listOperations);
  for (const editor of ["query", "variables"]) by(editor).addEventListener("keydown", indent);
  by("search").addEventListener("input", () => { if (by("search").value && trail.length < 2) trail = []; show(); });
  by("branch").addEventListener("change", learn);
  by("token").addEventListener("change", async () => {
    try { sessionStorage.setItem("kiln-token", by("token").value.trim()); } catch { /* private windows keep nothing */ }
    await branches();
    await learn();
  });
  listOperations();
  try { await branches(); await learn(); } catch (bad) { say("the server does not answer: " + bad.message, true); }
}

start();
