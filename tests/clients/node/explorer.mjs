// The page at /graphql in a real browser: what a person does with it, step by step. Prints a line for
// each step; ends with an error at the first that does not hold.
//
// The server's address is in KILN_ADDRESS; with KILN_TOKEN it has accounts, and the page needs the token.
import assert from "node:assert/strict";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const ADDRESS = process.env.KILN_ADDRESS;
const TOKEN = process.env.KILN_TOKEN ?? "";

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  headless: "shell",
  // Nothing here turns off what protects a page: its policy and its origin count.
  args: ["--no-sandbox", "--disable-gpu", "--no-zygote", "--disable-dev-shm-usage", "--no-first-run"],
}).catch((bad) => {
  // A system without the libraries of a browser has none; everything else is a failure.
  if (!bad.message.includes("error while loading shared libraries")) throw bad;
  console.log(`SKIPPED: the browser does not start on this system: ${bad.message}`);
  process.exit(0);
});
const page = await browser.newPage();
const asked = [];
const errors = [];
page.on("request", (request) => asked.push(request.url()));
page.on("requestfailed", (request) => errors.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
page.on("pageerror", (error) => errors.push(`error: ${error.message}`));
page.on("console", (message) => { if (["error", "warn"].includes(message.type())) errors.push(`${message.type()}: ${message.text()}`); });

const text = (selector) => page.$eval(selector, (element) => element.textContent);
const until = (condition, ...given) => page.waitForFunction(condition, { timeout: 20000 }, ...given);
const write = (selector, value) => page.$eval(selector, (element, value) => {
  element.value = value;
  element.dispatchEvent(new Event("input", { bubbles: true }));
  element.dispatchEvent(new Event("change", { bubbles: true }));
}, value);
const answer = async () => JSON.parse(await text("#answer"));

/** Runs what is in the editor, by the button or the keys; the state that is shown then. */
async function run(by = "button") {
  await page.$eval("#state", (element) => { element.textContent = ""; });
  if (by === "button") {
    await page.click("#run");
  } else {
    await page.focus("#query");
    await page.keyboard.down("Control");
    await page.keyboard.press("Enter");
    await page.keyboard.up("Control");
  }
  await until(() => /^\d{3}, |JSON/.test(document.getElementById("state").textContent));
  return { told: await text("#state"), failed: await page.$eval("#state", (element) => element.className === "failed") };
}

async function step(name, does) {
  await does();
  assert.deepEqual(errors, [], name);
  console.log(`ok      ${name}`);
}

const steps = {
  async "the page loads and knows the types"() {
    const loaded = await page.goto(`${ADDRESS}/graphql`, { waitUntil: "networkidle0" });
    assert.equal(loaded.status(), 200);
    await until(() => document.querySelectorAll("#listed article").length > 50);
    assert.equal(await text("#trail button"), "Query");
    assert.equal(await page.$eval("#branch", (element) => element.value), "main");
  },
  async "the query that it begins with is answered"() {
    const { told, failed } = await run();
    assert.match(told, /^200, \d+ bytes, \d+ ms$/);
    assert.equal(failed, false);
    const { data } = await answer();
    assert.ok(data.InfrahubInfo.version && data.BuiltinTag.count === 0, JSON.stringify(data));
  },
  async "what is stored is text on the page, whatever it says"() {
    const name = "<img src=x onerror=alert(1)>";
    await write("#query", "mutation Make($name: String) { BuiltinTagCreate(data: {name: {value: $name}}) { ok object { name { value } } } }");
    await write("#variables", JSON.stringify({ name }));
    assert.equal((await run("keys")).failed, false);
    const { data } = await answer();
    assert.equal(data.BuiltinTagCreate.object.name.value, name);
    assert.equal(await page.$("#answer img"), null);
  },
  async "of several operations the chosen one runs"() {
    await write("#variables", "");
    await write("#query", "query A { InfrahubInfo { version } }\nquery B { BuiltinTag { count } }");
    assert.deepEqual(await page.$$eval("#operation option", (all) => all.map((one) => one.value)), ["A", "B"]);
    await page.select("#operation", "B");
    await run();
    assert.deepEqual(await answer(), { data: { BuiltinTag: { count: 1 } } });
  },
  async "mistakes are shown as what they are"() {
    await write("#query", "{ Nothing { count } }");
    assert.equal((await run()).failed, true);
    assert.match((await answer()).errors[0].message, /Nothing/);
    await write("#variables", "{no");
    await write("#query", "{ BuiltinTag { count } }");
    const { told, failed } = await run();
    assert.ok(failed && told.startsWith("the variables are no JSON"), told);
    await write("#variables", "");
  },
  async "types are found, and lead to one another"() {
    await write("#search", "BuiltinTagUpsertInput");
    await until(() => [...document.querySelectorAll("#listed button")].some((one) => one.textContent === "BuiltinTagUpsertInput"));
    await page.$$eval("#listed button", (all) => all.find((one) => one.textContent === "BuiltinTagUpsertInput").click());
    await write("#search", "");
    await until(() => [...document.querySelectorAll("#listed code")].some((one) => one.textContent === "name"));
  },
  async "a tab indents, and what was written is kept"() {
    await write("#query", "");
    await page.focus("#query");
    await page.keyboard.press("Tab");
    await page.keyboard.type("{ BuiltinTag { count } }");
    assert.equal(await page.$eval("#query", (element) => element.value), "  { BuiltinTag { count } }");
    assert.equal((await run("keys")).failed, false);
    await page.reload({ waitUntil: "networkidle0" });
    assert.equal(await page.$eval("#query", (element) => element.value), "  { BuiltinTag { count } }");
  },
  async "a branch is chosen"() {
    await write("#query", "mutation { BranchCreate(data: {name: \"team/b\"}, wait_until_completion: true) { ok } }");
    assert.equal((await run()).failed, false);
    await page.goto(`${ADDRESS}/graphql/team%2Fb`, { waitUntil: "networkidle0" });
    assert.equal(await page.$eval("#branch", (element) => element.value), "team/b");
    await write("#query", "mutation { BuiltinTagCreate(data: {name: {value: \"on b\"}}) { ok } }");
    assert.equal((await run()).failed, false);
    await write("#query", "{ BuiltinTag { count } }");
    await run();
    assert.equal((await answer()).data.BuiltinTag.count, 2);
    await page.select("#branch", "main");
    await run();
    assert.equal((await answer()).data.BuiltinTag.count, 1);
  },
};

/** With accounts the page needs a token; that refusals are told in the console is the browser's way. */
const guarded = {
  async "without a token the page says what is missing"() {
    await page.goto(`${ADDRESS}/graphql`, { waitUntil: "networkidle0" });
    await write("#query", "mutation { BuiltinTagCreate(data: {name: {value: \"x\"}}) { ok } }");
    assert.equal((await run()).failed, true);
    assert.match((await answer()).errors[0].message, /Authentication/);
    const unexpected = errors.filter((error) => !error.includes("401"));
    assert.deepEqual(unexpected, []);
    errors.length = 0;
  },
  async "with a token it is done, and a reload still knows it"() {
    await write("#token", TOKEN);
    await until(() => document.querySelectorAll("#listed article").length > 50);
    assert.equal((await run()).failed, false);
    await page.reload({ waitUntil: "networkidle0" });
    await write("#query", "{ BuiltinTag { count } }");
    await run();
    assert.deepEqual(await answer(), { data: { BuiltinTag: { count: 1 } } });
  },
};

try {
  for (const [name, does] of Object.entries(TOKEN ? guarded : steps)) await step(name, does);
  const elsewhere = asked.filter((url) => !url.startsWith(ADDRESS + "/"));
  assert.deepEqual(elsewhere, [], "the page asks nobody else");
  console.log(`ok      all of ${asked.length} requests went to the server itself`);
} catch (bad) {
  console.error(bad);
  console.error(`shown: ${await text("#state").catch(() => "nothing")}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
