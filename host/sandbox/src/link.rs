//! The imports of the world: count, charge, check, hand over to the host.
//!
//! Each call is charged before it does its work, so that a guest cannot buy the host's time with
//! nothing. A limit that is about the work itself is an error the guest sees; one that is about the
//! boundary ends the run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmtime::component::{Linker, LinkerInstance};
use wasmtime::{Engine, Result, StoreContextMut, Trap};

use crate::adapt::list;
use crate::api::{self, GuestError};
use crate::bindings::kiln::generator::{log, objects, pools, run, types};
use crate::host::GuestHost;
use crate::limits::{bytes, count, grouped, size};
use crate::report::{PanicText, text_cut};
use crate::state::{RunState, Stop};
use crate::weight::Weight;

type Context<'a> = StoreContextMut<'a, RunState>;

/// Fuel of any host call: about 0.2 µs.
const CALL_FUEL: u64 = 500;
/// Fuel of a byte that crosses the boundary.
const BYTE_FUEL: u64 = 4;
/// Fuel of an object made or set: schema checks and staging, about 10 µs.
const OBJECT_FUEL: u64 = 20_000;
/// Fuel of a lookup: about 2 µs.
const READ_FUEL: u64 = 4_000;
/// Fuel of a document: parsing and planning, about 50 µs.
const QUERY_FUEL: u64 = 100_000;
/// Fuel of an allocation.
const ALLOCATE_FUEL: u64 = 50_000;
/// Fuel of a log line.
const LOG_FUEL: u64 = 2_000;

/// A linker with what both worlds import and nothing else; which of it a component may use, the check
/// at upload has seen to.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    run(&mut linker.instance("kiln:generator/run@0.1.0")?)?;
    log(&mut linker.instance("kiln:generator/log@0.1.0")?)?;
    objects(&mut linker.instance("kiln:generator/objects@0.1.0")?)?;
    lookups(&mut linker.instance("kiln:generator/objects@0.1.0")?)?;
    query(&mut linker.instance("kiln:generator/query@0.1.0")?)?;
    pools(&mut linker.instance("kiln:generator/pools@0.1.0")?)?;
    // These have types only; components import them all the same.
    linker.instance("kiln:generator/types@0.1.0")?;
    linker.instance("kiln:generator/checking@0.1.0")?;
    Ok(linker)
}

fn run(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap("current", |mut cx: Context<'_>, (): ()| {
        enter(&mut cx, "run.current", "", 0)?;
        let info = work(&mut cx, |host| host.current())?;
        Ok((run::Info::from(info),))
    })?;
    instance.func_wrap("parameters", |mut cx: Context<'_>, (): ()| {
        enter(&mut cx, "run.parameters", "", 0)?;
        let fields = work(&mut cx, |host| host.parameters())?;
        charge(&mut cx, fields.weight().saturating_mul(BYTE_FUEL))?;
        Ok((list::<_, types::Field>(fields),))
    })
}

fn log(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap(
        "write",
        |mut cx: Context<'_>,
         (level, message, fields): (log::Level, String, Vec<(String, String)>)| {
            let weight = message.weight().saturating_add(fields.weight());
            enter(&mut cx, "log.write", "", cost(LOG_FUEL, weight))?;
            let line_max = cx.data().limits.log_line_bytes;
            let message = text_cut(&message, size(line_max));
            let fields = fields_cut(fields, line_max);
            let state = cx.data_mut();
            let weight = message.weight().saturating_add(fields.weight());
            if state.used.log_lines >= state.limits.log_lines
                || state.used.log_bytes.saturating_add(weight) > state.limits.log_bytes
            {
                state.used.log_dropped += 1;
                return Ok(());
            }
            state.used.log_lines += 1;
            state.used.log_bytes += weight;
            work(&mut cx, |host| host.log(level.into(), &message, fields))
        },
    )?;
    instance.func_wrap("panicked", |mut cx: Context<'_>, (message, location): (String, String)| {
        let weight = message.weight().saturating_add(location.weight());
        enter(&mut cx, "log.panicked", "", cost(LOG_FUEL, weight))?;
        let most = size(cx.data().limits.error_bytes);
        let (message, location) = (text_cut(&message, most), text_cut(&location, most));
        work(&mut cx, |host| host.panicked(&message, &location))?;
        cx.data_mut().panic = Some(PanicText { message, location });
        Ok(())
    })
}

/// The result of `create-many`: the number is the place of the culprit.
type Many = std::result::Result<Vec<objects::Saved>, (u32, types::Error)>;

fn objects(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap("create", |mut cx: Context<'_>, (draft,): (objects::Draft,)| {
        let draft = api::Draft::from(draft);
        enter(&mut cx, "objects.create", &subject(&draft), cost(OBJECT_FUEL, draft.weight()))?;
        if let Err(full) = stage(cx.data_mut(), 1, draft.weight()) {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.create(draft))?.map(objects::Saved::from))
    })?;
    instance.func_wrap(
        "create-many",
        |mut cx: Context<'_>, (drafts,): (Vec<objects::Draft>,)| -> Result<(Many,)> {
            let drafts: Vec<api::Draft> = list(drafts);
            let number = count(drafts.len());
            let fuel = cost(OBJECT_FUEL.saturating_mul(number), drafts.weight());
            enter(&mut cx, "objects.create-many", drafts.first().map_or("", |d| &d.kind), fuel)?;
            let most = cx.data().limits.drafts_per_call;
            if number > most {
                let full = full("drafts", &format!("one call may carry {} objects", grouped(most)));
                return Ok((Err((u32::try_from(most).unwrap_or(u32::MAX), full.into())),));
            }
            if let Err(full) = stage(cx.data_mut(), number, drafts.weight()) {
                return Ok((Err((0, full.into())),));
            }
            let saved = work(&mut cx, |host| host.create_many(drafts))?;
            Ok((saved.map(list).map_err(|(place, error)| (place, error.into())),))
        },
    )?;
    type Set = (types::Target, Vec<types::Field>, Vec<objects::Link>);
    instance.func_wrap("set", |mut cx: Context<'_>, (of, fields, links): Set| {
        let (of, fields) = (api::Target::from(of), list::<_, api::Field>(fields));
        let links = list::<_, api::Link>(links);
        let weight = of.weight() + fields.weight() + links.weight();
        enter(&mut cx, "objects.set", &named(&of), cost(OBJECT_FUEL, weight))?;
        if let Err(full) = stage(cx.data_mut(), 1, weight) {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.set(of, fields, links))?.map(objects::Saved::from))
    })
}

fn lookups(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap("keep", |mut cx: Context<'_>, (key,): (String,)| {
        if let Err(full) = look(&mut cx, "objects.keep", &key, key.weight())? {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.keep(&key))?)
    })?;
    instance.func_wrap("find", |mut cx: Context<'_>, (what,): (types::Target,)| {
        let what = api::Target::from(what);
        if let Err(full) = look(&mut cx, "objects.find", &named(&what), what.weight())? {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.find(what))?)
    })?;
    instance.func_wrap(
        "read",
        |mut cx: Context<'_>, (what, names): (types::Target, Vec<String>)| {
            let what = api::Target::from(what);
            let weight = what.weight() + names.weight();
            if let Err(full) = look(&mut cx, "objects.read", &named(&what), weight)? {
                return Ok((Err(types::Error::from(full)),));
            }
            let fields = work(&mut cx, |host| host.read(what, names))?;
            let weight = fields.as_ref().map_or(0, Weight::weight);
            charge(&mut cx, weight.saturating_mul(BYTE_FUEL))?;
            answered(fields.map(list::<_, types::Field>))
        },
    )?;
    instance.func_wrap(
        "peers",
        |mut cx: Context<'_>, (what, relationship): (types::Target, String)| {
            let what = api::Target::from(what);
            let weight = what.weight() + relationship.weight();
            if let Err(full) = look(&mut cx, "objects.peers", &named(&what), weight)? {
                return Ok((Err(types::Error::from(full)),));
            }
            let peers = work(&mut cx, |host| host.peers(what, &relationship))?;
            let weight = peers.as_ref().map_or(0, Weight::weight);
            charge(&mut cx, weight.saturating_mul(BYTE_FUEL))?;
            answered(peers)
        },
    )
}

fn query(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap("document", |mut cx: Context<'_>, (text, variables): (String, String)| {
        let weight = text.weight().saturating_add(variables.weight());
        enter(&mut cx, "query.document", "", cost(QUERY_FUEL, weight))?;
        let state = cx.data_mut();
        if weight > state.limits.document_bytes {
            let most = bytes(state.limits.document_bytes);
            let full = full("document-bytes", &format!("a document may have {most}"));
            return Ok((Err(types::Error::from(full)),));
        }
        state.used.queries += 1;
        if state.used.queries > state.limits.queries {
            let most = grouped(state.limits.queries);
            let full = full("queries", &format!("a run may ask {most} documents"));
            return Ok((Err(full.into()),));
        }
        let answer = work(&mut cx, |host| host.document(&text, &variables))?;
        let weight = answer.as_ref().map_or(0, Weight::weight);
        charge(&mut cx, weight.saturating_mul(BYTE_FUEL))?;
        if weight > cx.data().limits.answer_bytes {
            let most = bytes(cx.data().limits.answer_bytes);
            let full = full("answer-bytes", &format!("an answer may have {most}"));
            return Ok((Err(full.into()),));
        }
        answered(answer)
    })
}

fn pools(instance: &mut LinkerInstance<'_, RunState>) -> Result<()> {
    instance.func_wrap("allocate", |mut cx: Context<'_>, (request,): (pools::Request,)| {
        let request = api::PoolRequest::from(request);
        if let Some(full) = ask_pool(&mut cx, "pools.allocate", &request)? {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.allocate(request))?.map(pools::Grant::from))
    })?;
    instance.func_wrap("allocate-on", |mut cx: Context<'_>, (request, terms): OnTerms| {
        let request = api::PoolRequest { terms: terms.into(), ..request.into() };
        if let Some(full) = ask_pool(&mut cx, "pools.allocate-on", &request)? {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.allocate(request))?.map(pools::Grant::from))
    })?;
    instance.func_wrap("peek", |mut cx: Context<'_>, (request, terms): OnTerms| {
        let request = api::PoolRequest { terms: terms.into(), ..request.into() };
        if let Some(full) = ask_pool(&mut cx, "pools.peek", &request)? {
            return Ok((Err(types::Error::from(full)),));
        }
        answered(work(&mut cx, |host| host.peek(request))?.map(types::Scalar::from))
    })
}

type OnTerms = (pools::Request, pools::Terms);

/// Counts and charges a question to a pool: each value in a row as one of its own. The limit that it
/// goes over, if it does.
fn ask_pool(
    cx: &mut Context<'_>,
    name: &'static str,
    request: &api::PoolRequest,
) -> Result<Option<GuestError>> {
    let weight = request.weight();
    let values = request.terms.block.map_or(1, |(count, _)| u64::from(count.max(1)));
    let fuel = cost(ALLOCATE_FUEL, weight).saturating_mul(values);
    enter(cx, name, &request.pool, fuel)?;
    let state = cx.data_mut();
    state.used.allocations = state.used.allocations.saturating_add(values);
    if state.used.allocations > state.limits.allocations {
        let most = grouped(state.limits.allocations);
        let full = full("allocations", &format!("a run may draw {most} times from pools"));
        return Ok(Some(full));
    }
    Ok(stage(state, 0, weight).err())
}

/// An answer of the host, as the linker wants it.
fn answered<T>(
    answer: std::result::Result<T, GuestError>,
) -> Result<(std::result::Result<T, types::Error>,)> {
    Ok((answer.map_err(types::Error::from),))
}

/// Counts, remembers and charges a call. The wall limit and cancellation are looked at here too, so
/// that a guest which lives in host calls is ended as soon as one that computes.
fn enter(cx: &mut Context<'_>, name: &'static str, subject: &str, fuel: u64) -> Result<()> {
    let state = cx.data_mut();
    state.count_call(name, subject)?;
    if let Some(stop) = state.must_stop() {
        return Err(stop.into());
    }
    charge(cx, CALL_FUEL.saturating_add(fuel))
}

/// Counts a lookup beside what `enter` does.
fn look(
    cx: &mut Context<'_>,
    name: &'static str,
    subject: &str,
    weight: u64,
) -> Result<std::result::Result<(), GuestError>> {
    enter(cx, name, subject, cost(READ_FUEL, weight))?;
    let state = cx.data_mut();
    state.used.reads += 1;
    if state.used.reads > state.limits.reads {
        let most = grouped(state.limits.reads);
        return Ok(Err(full("reads", &format!("a run may look things up {most} times"))));
    }
    Ok(Ok(()))
}

fn cost(base: u64, weight: u64) -> u64 {
    base.saturating_add(weight.saturating_mul(BYTE_FUEL))
}

fn charge(cx: &mut Context<'_>, fuel: u64) -> Result<()> {
    match cx.get_fuel()?.checked_sub(fuel) {
        Some(left) => cx.set_fuel(left),
        None => {
            cx.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

/// Calls the host; its panic ends this run and nothing else.
fn work<R>(cx: &mut Context<'_>, call: impl FnOnce(&mut dyn GuestHost) -> R) -> Result<R> {
    let state = cx.data_mut();
    // The host is not looked into again: it goes back to its owner, who learns of the panic.
    let answer = catch_unwind(AssertUnwindSafe(|| call(&mut *state.host)));
    answer.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        state.host_panic = Some(text.unwrap_or("a panic without text").to_owned());
        Stop::HostPanic.into()
    })
}

/// Counts what will lie in the draft.
fn stage(state: &mut RunState, objects: u64, weight: u64) -> std::result::Result<(), GuestError> {
    let creates = state.used.creates.saturating_add(objects);
    if creates > state.limits.creates {
        let most = grouped(state.limits.creates);
        return Err(full("creates", &format!("a run may make {most} objects")));
    }
    let staged = state.used.staged_bytes.saturating_add(weight);
    if staged > state.limits.staged_bytes {
        let most = bytes(state.limits.staged_bytes);
        return Err(full("staged-bytes", &format!("what a run makes may have {most} of text")));
    }
    state.used.creates = creates;
    state.used.staged_bytes = staged;
    Ok(())
}

fn full(name: &str, most: &str) -> GuestError {
    GuestError {
        code: api::Code::LimitExceeded,
        name: name.to_owned(),
        message: format!("{most}, and this is more; ask less of one run, or split the target"),
        path: None,
        details: Vec::new(),
    }
}

/// Fields of a log line, as many as fit.
fn fields_cut(fields: Vec<(String, String)>, bytes_max: u64) -> Vec<(String, String)> {
    let mut left = bytes_max;
    fields
        .into_iter()
        .map_while(|field| {
            left = left.checked_sub(field.weight())?;
            Some(field)
        })
        .collect()
}

fn subject(draft: &api::Draft) -> String {
    match draft.key.as_str() {
        "" => draft.kind.clone(),
        key => [draft.kind.as_str(), key].join(" "),
    }
}

fn named(target: &api::Target) -> String {
    match target {
        api::Target::Id(text) | api::Target::Key(text) => text.clone(),
        api::Target::Hfid(kind, parts) => {
            format!("{kind} {}", parts.join(" ")).trim_end().to_owned()
        }
    }
}
