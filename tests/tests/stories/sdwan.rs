//! The public SD-WAN case: a port of its generator makes what the original made.

use engine::Mode;
use service::Service;

use crate::compare::{answered, as_expected, expected, public_query};
use crate::support::{
    case, changes, dump, labels, load_case, query, register, run, service, sound,
};

pub(crate) const TARGET: &str = "treasury-branch-sdwan";

/// The case loaded, the generator registered.
pub(crate) fn ready() -> Option<(Service, std::path::PathBuf)> {
    let case = case("1-sdwan")?;
    let service = service();
    load_case(&service, &case);
    let text = public_query(&case, "service/sdwan.gql");
    register(&service, "generate_sdwan", "sdwan", &text, "sdwans");
    Some((service, case))
}

#[test]
fn the_query_is_answered_as_the_original_was() {
    let Some((service, case)) = ready() else { return };
    let text = public_query(&case, "service/sdwan.gql");
    answered(&service, &text, &expected(&case, "run1"));
}

#[test]
fn a_run_makes_what_the_original_made() {
    let Some((service, case)) = ready() else { return };
    let result = run(&service, "generate_sdwan", TARGET);
    as_expected(&service, &result, &expected(&case, "run1"));
    let addresses = labels(&service, "IpamIPAddress");
    for address in ["10.250.10.1/24", "10.250.20.1/24", "10.250.30.1/24"] {
        assert!(addresses.iter().any(|found| found == address), "{address}");
    }
    sound(&service);
}

#[test]
fn a_second_run_changes_nothing_and_writes_nothing() {
    let Some((service, _)) = ready() else { return };
    run(&service, "generate_sdwan", TARGET);
    let before = service.last_commit();
    assert!(changes(&run(&service, "generate_sdwan", TARGET)).is_empty());
    assert_eq!(service.last_commit(), before);
}

#[test]
fn a_plan_shows_the_same_and_leaves_no_trace() {
    let Some((service, _)) = ready() else { return };
    let before = dump(&service);
    let plan = service.run("generate_sdwan", TARGET, Mode::Plan, "test").unwrap();
    assert_eq!(dump(&service), before);
    let applied = run(&service, "generate_sdwan", TARGET);
    assert_eq!(plan.changes.digest(), applied.changes.digest());
}

#[test]
fn removing_a_site_removes_its_objects_and_no_seeded_one() {
    let Some((service, _)) = ready() else { return };
    let devices = labels(&service, "DcimDevice");
    run(&service, "generate_sdwan", TARGET);
    service.object_delete("ServiceSdwanSite", "spoke-frankfurt").unwrap();
    let gone = changes(&run(&service, "generate_sdwan", TARGET));
    let deleted: Vec<&String> = gone.iter().filter(|line| line.starts_with("deleted")).collect();
    assert_eq!(
        deleted,
        [
            "deleted DcimDevice treasury-branch-sdwan-spoke-frankfurt-edge",
            "deleted IpamIPAddress 10.250.20.1/24/default",
        ]
    );
    for device in &devices {
        assert!(labels(&service, "DcimDevice").contains(device), "{device}");
    }
    sound(&service);
}

#[test]
fn taking_the_service_away_puts_everything_back() {
    let Some((service, _)) = ready() else { return };
    let devices = labels(&service, "DcimDevice");
    run(&service, "generate_sdwan", TARGET);
    let members = "query { CoreStandardGroup(name__value: \"sdwan_viptela_edges\") \
                   { edges { node { members { count } } } } }";
    let count = |service: &Service| {
        query(service, members)["data"]["CoreStandardGroup"]["edges"][0]["node"]["members"]["count"]
            .clone()
    };
    assert_eq!(count(&service), 3);
    service.object_delete("ServiceSdwan", TARGET).unwrap();
    assert_eq!(labels(&service, "DcimDevice"), devices);
    assert_eq!(count(&service), 0);
    assert!(service.instances().unwrap().is_empty());
    sound(&service);
}

#[test]
fn three_runs_at_once_end_as_one() {
    let Some((service, _)) = ready() else { return };
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let service = service.clone();
            std::thread::spawn(move || changes(&run(&service, "generate_sdwan", TARGET)).len())
        })
        .collect();
    let mut counts: Vec<usize> = runs.into_iter().map(|run| run.join().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!((counts[0], counts[1]), (0, 0));
    assert!(counts[2] > 0);
    assert_eq!(service.instances().unwrap().len(), 1);
    sound(&service);
}
