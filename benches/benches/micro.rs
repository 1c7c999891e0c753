//! How long a message takes on each hot path: `cargo bench -p zmtp-benches --bench micro`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use zmtp_benches::paths::PATHS;

fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("paths");
    for path in PATHS {
        let mut round = (path.set_up)();
        group.throughput(Throughput::Elements(round() as u64));
        group.bench_function(path.name, |bencher| bencher.iter(&mut round));
    }
    group.finish();
}

criterion_group!(micro, paths);
criterion_main!(micro);
