//! Holdings, reservations and the operations on them.

use std::collections::BTreeMap;

use meros_types::{Claim, Holding, LotKey, Owner, Reservation, ResourceOperation, Resources, Role, Volume};
use proptest::prelude::*;

fn resources(text: &str) -> Resources {
    Resources::parse(text).expect("resources")
}

fn role(text: &str) -> Role {
    Role::new(text).expect("a role")
}

fn claim(of: &str) -> Claim {
    Claim { role: role(of), owner: Owner::Operator, labels: BTreeMap::new() }
}

fn reservation(roles: &[&str]) -> Reservation {
    Reservation::new(roles.iter().map(|of| claim(of)).collect()).expect("a reservation")
}

fn reserve(holding: &Holding, what: &str, from: Option<&[&str]>, of: &str) -> Result<Holding, String> {
    let operation = ResourceOperation::Reserve { resources: resources(what), from: from.map(reservation), claim: claim(of) };
    operation.applied(holding)
}

fn unreserve(holding: &Holding, what: &str, from: &[&str]) -> Result<Holding, String> {
    ResourceOperation::Unreserve { resources: resources(what), reservation: reservation(from) }.applied(holding)
}

#[test]
fn a_claim_is_refined_along_the_tree_and_given_up_step_by_step() {
    let plain = Holding::from(resources("cpus:8;mem:8GiB"));
    let eng = reserve(&plain, "cpus:4", None, "eng").unwrap();
    let refined = reserve(&eng, "cpus:1", Some(&["eng"]), "eng/web").unwrap();
    assert_eq!(refined.usable_by(&role("eng/web")), resources("cpus:8;mem:8GiB"));
    assert_eq!(refined.usable_by(&role("eng")), resources("cpus:7;mem:8GiB"));
    assert_eq!(refined.usable_by(&role("ops")), resources("cpus:4;mem:8GiB"));
    assert_eq!(unreserve(&refined, "cpus:1", &["eng", "eng/web"]).unwrap(), eng);
    assert_eq!(unreserve(&eng, "cpus:4", &["eng"]).unwrap(), plain);
}

#[test]
fn what_is_reserved_for_the_nearest_role_is_taken_first() {
    let eng = reserve(&Holding::from(resources("cpus:8")), "cpus:4", None, "eng").unwrap();
    let refined = reserve(&eng, "cpus:1", Some(&["eng"]), "eng/web").unwrap();
    let part = refined.part_for(&role("eng/web"), &resources("cpus:6")).unwrap();
    let lots: Vec<String> = part.reserved.iter().map(|(key, lot)| format!("{} {lot}", key.reservation)).collect();
    assert_eq!(lots, ["eng cpus:3", "eng/web cpus:1"]);
    assert_eq!(part.plain(), resources("cpus:2"));
    assert_eq!(refined.part_for(&role("ops"), &resources("cpus:5")).unwrap_err().to_string(), "cpus: 5 wanted, 4 available");
}

#[test]
fn volumes_come_and_go_within_their_reservation() {
    let holding = reserve(&Holding::from(resources("disk:10GiB")), "disk:4GiB", None, "db").unwrap();
    let create = |id: &str, disk_bytes| ResourceOperation::Create {
        volume: Volume { id: id.to_owned() },
        disk_bytes,
        reservation: reservation(&["db"]),
    };
    let with = create("data", 1 << 30).applied(&holding).unwrap();
    assert_eq!(with.reserved.volume("data").unwrap().1, &resources("disk:1GiB"));
    assert_eq!(with.usable_by(&role("db")), resources("disk:9GiB"), "a volume is used by name");
    assert_eq!(with.all, holding.all);
    assert!(create("data", 1).applied(&with).unwrap_err().contains("there is a volume data already"));
    assert!(create("more", 4 << 30).applied(&with).unwrap_err().contains("disk: 4GiB wanted, 3GiB available"));
    assert!(create("../x", 1).applied(&with).unwrap_err().contains("no volume's name"));
    assert!(unreserve(&with, "disk:4GiB", &["db"]).unwrap_err().contains("disk"), "not while a volume is on it");
    assert_eq!(ResourceOperation::Destroy { volume: "data".to_owned() }.applied(&with).unwrap(), holding);
}

#[test]
fn what_cannot_be_done_says_why() {
    let holding = Holding::from(resources("cpus:2"));
    for (error, part) in [
        (reserve(&holding, "cpus:3", None, "eng").unwrap_err(), "cpus: 3 wanted, 2 available"),
        (reserve(&holding, "cpus:1", None, "*").unwrap_err(), "role *"),
        (reserve(&holding, "cpus:1", Some(&["eng"]), "ops").unwrap_err(), "not below eng"),
        (reserve(&holding, "", None, "eng").unwrap_err(), "no resources"),
        (unreserve(&holding, "cpus:1", &["eng"]).unwrap_err(), "cpus: 1 wanted, 0 available"),
    ] {
        assert!(error.contains(part), "{error}");
    }
    let fixed = Reservation::new(vec![Claim { owner: Owner::Agent, ..claim("eng") }]).unwrap();
    let operation = ResourceOperation::Unreserve { resources: resources("cpus:1"), reservation: fixed };
    assert!(operation.applied(&holding).unwrap_err().contains("in the agent's configuration"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done, the sum stays; and what is part of a holding can be taken out and put back.
    #[test]
    fn operations_change_no_sum(steps in prop::collection::vec((0_u64..6, 0_usize..3, any::<bool>()), 0..20), take in 0_u64..10) {
        let chains: [&[&str]; 3] = [&["a"], &["a", "a/b"], &["c"]];
        let mut holding = Holding::from(resources("cpus:10;disk:10GiB"));
        for (cpus, at, back) in steps {
            let (chain, what) = (chains[at], format!("cpus:{cpus}"));
            let after = match (back, chain) {
                (true, _) => unreserve(&holding, &what, chain),
                (false, [outer, inner]) => reserve(&holding, &what, Some(&[outer]), inner),
                (false, _) => reserve(&holding, &what, None, chain[0]),
            };
            let Ok(after) = after else { continue };
            prop_assert_eq!(&after.all, &holding.all);
            prop_assert_eq!(after.plain().checked_add(&after.reserved.sum()).unwrap(), after.all.clone());
            holding = after;
        }
        let of = role("a/b");
        if let Ok(part) = holding.part_for(&of, &resources(&format!("cpus:{take}"))) {
            prop_assert!(holding.contains(&part));
            let rest = holding.checked_sub(&part).unwrap();
            prop_assert_eq!(&rest, &holding.saturating_sub(&part));
            prop_assert_eq!(rest.checked_add(&part).unwrap(), holding);
        }
    }
}

#[test]
fn a_holding_reads_back_from_json() {
    let holding = reserve(&Holding::from(resources("cpus:8")), "cpus:4", None, "eng").unwrap();
    let text = serde_json::to_string(&holding).unwrap();
    assert_eq!(serde_json::from_str::<Holding>(&text).unwrap(), holding, "{text}");
    let key = LotKey { reservation: reservation(&["eng"]), volume: None };
    assert_eq!(holding.reserved.get(&key), Some(&resources("cpus:4")));
}
