//! Two brokers of one name.

use crate::peer::{broker, started, status, until, up};

#[test]
fn a_broker_of_a_name_that_is_taken_ends_with_4_and_says_who_has_it() {
    let (mut one, first) = broker("DC1", "");
    let (_two, second) = broker("DC2", &format!("--peer {first}"));
    until(&second, |status| up(status) == 1);
    let cloud = |at: &str| status(at)["peers"][0]["cloud"].as_str().unwrap().to_owned();
    // Whoever it asks knows that.
    for peer in [&first, &second] {
        let mut late = started("tcp://127.0.5.1:0", "DC1", &format!("--peer {peer}"));
        let own = late.err_line_with("cloudfe");
        let own = own.split(' ').nth(1).unwrap().to_owned();
        let ended = late.ended();
        assert_eq!(ended.code, 4, "{ended:?}");
        let said = ended.err.lines().last().unwrap();
        assert!(said.starts_with("zmtp: refused: the name DC1 is that of the broker at "), "{said}");
        assert!(said.contains(&cloud(&second)) && said.contains(&own), "{said}");
    }
    one.err_line_with("collision DC1: ");
    // The two work with one another as before.
    assert_eq!((up(&status(&first)), up(&status(&second))), (1, 1));
}
