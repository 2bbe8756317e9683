mod sign; mod stats;
fn main() {
    let library = sign::Library::load(std::env::args_os().nth(1).unwrap().as_ref()).unwrap();
    for (prefixes, pairs, calls) in [(1, 200, 200), (10_000, 40, 4)] {
        let p = library.measure(prefixes, pairs, calls);
        println!("{prefixes} {:.0} {:.0} {:.3}", p.ours(), p.theirs(), p.ratio());
    }
}
