//! Temporary probe.
#[path = "../../service/src/object_load.rs"]
mod object_load;
use branch::*;
use model::schema::Document;
use model::*;
use std::path::*;
use std::sync::Arc;
use std::sync::atomic::*;
struct C;
impl Clock for C { fn now(&self) -> Timestamp { Timestamp(1_700_000_000_000_000) } }
struct I(AtomicU64);
impl IdSource for I { fn next_id(&self, _: Timestamp) -> ObjectId { ObjectId((0x0190_0000_0000_7000_8000u128 << 48) | u128::from(self.0.fetch_add(1, Ordering::Relaxed))) } }
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut e: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    e.sort();
    for p in e { if p.is_dir() { files(&p, found) } else if p.extension().is_some_and(|x| x == "yml") { found.push(p) } }
}
fn check(name: &str) {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases").join(name);
    let store = store::Store::in_memory(store::Options::default()).unwrap();
    let db = Database::open(store, Environment { clock: Arc::new(C), ids: Arc::new(I(AtomicU64::new(1))) }).unwrap();
    let mut paths = vec![]; files(&case.join("files/schemas"), &mut paths);
    let docs: Vec<Document> = paths.iter().flat_map(|p| Document::parse(&p.display().to_string(), &std::fs::read_to_string(p).unwrap()).unwrap()).collect();
    let author = Author(ObjectId::SYSTEM);
    let mut d = db.draft(BranchId::MAIN, author).unwrap();
    d.load_schema(&docs).unwrap();
    db.commit(d, Cause::Schema).unwrap();
    let source = std::fs::read_to_string(case.join("SOURCE.md")).unwrap();
    let mut total = object_load::ObjectLoad::default();
    for line in source.lines().filter(|l| l.chars().next().is_some_and(|c| c.is_ascii_digit()) && l.contains('`')) {
        let file = line.split('`').nth(1).unwrap();
        let text = std::fs::read_to_string(case.join("files").join(file)).unwrap();
        let of = model::object_file::parse(file, &text).unwrap();
        let mut d = db.draft(BranchId::MAIN, author).unwrap();
        match object_load::load(&mut d, &of) { Ok(l) => { total.created += l.created; }, Err(e) => panic!("{e}") }
        match db.commit(d, Cause::Objects) { Ok(_) => {}, Err(e) => panic!("{file}: {e}") }
    }
    if let Ok(targets) = std::fs::read_to_string(case.join("targets.json")) {
        let targets: Vec<serde_json::Value> = serde_json::from_str(&targets).unwrap();
        let mut d = db.draft(BranchId::MAIN, author).unwrap();
        for t in &targets {
            let kind = t["kind"].as_str().unwrap();
            let mut t = t.as_object().unwrap().clone(); t.remove("kind");
            let text = format!("apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data: [{}]\n", serde_json::Value::Object(t));
            object_load::load(&mut d, &model::object_file::parse("t", &text).unwrap()).unwrap();
        }
        db.commit(d, Cause::Objects).unwrap();
    }
    let findings = db.check().unwrap();
    assert!(findings.is_empty(), "{:#?}", &findings[..findings.len().min(5)]);
    // compare with seed
    let seed: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(case.join("seed.json")).unwrap()).unwrap();
    let v = db.view(BranchId::MAIN).unwrap();
    let mut bad = 0;
    for node in &seed {
        let kind = v.kind(node["kind"].as_str().unwrap()).unwrap();
        let Some(h) = node["hfid"].as_array() else { continue };
        let h: Vec<String> = h.iter().map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned)).collect();
        let Some(o) = v.by_hfid(kind, &h).unwrap() else { bad += 1; if bad < 15 { println!("missing {} {h:?}", kind.name); } continue };
        for (k, want) in node["attributes"].as_object().unwrap() {
            let got = o.value(k).to_json();
            if &got != want { bad += 1; if bad < 15 { println!("{} {h:?} {k}: {got} want {want}", kind.name); } }
        }
        for (k, want) in node["relationships"].as_object().unwrap() {
            let rel = kind.relationship(k).unwrap();
            let mut got: Vec<String> = v.peers(o.id(), rel).unwrap().iter().map(|e| { let p = v.object(e.peer).unwrap().unwrap(); match v.hfid(&p).unwrap() { Some(h) => format!("{}:{}", p.kind().name, h.join("/")), None => p.kind().name.clone() } }).collect();
            let mut want: Vec<String> = want.as_array().unwrap().iter().map(|x| x.as_str().unwrap().to_owned()).collect();
            got.sort(); want.sort();
            let norm = |v: &Vec<String>| v.iter().map(|s| s.split(';').next().unwrap().to_owned()).collect::<Vec<_>>();
            if norm(&got) != norm(&want) { bad += 1; if bad < 15 { println!("{} {h:?} {k}: {got:?} want {want:?}", kind.name); } }
        }
    }
    println!("{name}: {} created, {} seed, {bad} bad", total.created, seed.len());
    assert_eq!(bad, 0);
}
#[test] fn c1() { check("1-sdwan"); }
#[test] fn c2() { check("2-dedicated-internet"); }
#[test] fn c4() { check("4-l3vpn"); }
#[test] fn c5() { check("5-demo-dc"); }
