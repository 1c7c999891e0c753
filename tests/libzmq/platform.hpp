// What libzmq's own configure step finds on Linux. `zeromq-src` leaves this file empty, and libzmq then falls
// back: a socket pair instead of an eventfd to wake a thread, queues that are not aligned to cache lines, a
// plain accept. Our opponent in the benchmarks shall be the libzmq people install. (HAVE_FORK is left out: it
// would only add a getpid to every wait.)
#if defined __linux__
#define ZMQ_CACHELINE_SIZE 64
#define HAVE_POSIX_MEMALIGN 1
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC
#define ZMQ_HAVE_PPOLL
#define HAVE_ACCEPT4
#define HAVE_CLOCK_GETTIME
#define HAVE_IF_NAMETOINDEX
#define HAVE_MKDTEMP
#define ZMQ_HAVE_EVENTFD
#define ZMQ_HAVE_EVENTFD_CLOEXEC
#define ZMQ_HAVE_IFADDRS
#define ZMQ_HAVE_NOEXCEPT
#define ZMQ_HAVE_O_CLOEXEC
#define ZMQ_HAVE_SOCK_CLOEXEC
#define ZMQ_HAVE_SO_BINDTODEVICE
#define ZMQ_HAVE_SO_KEEPALIVE
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_TCP_KEEPCNT
#define ZMQ_HAVE_TCP_KEEPIDLE
#define ZMQ_HAVE_TCP_KEEPINTVL
#define ZMQ_HAVE_PTHREAD_SETNAME_2
#define ZMQ_HAVE_PTHREAD_SET_AFFINITY
#endif

// Every source includes this file first. These two warnings are libzmq's own and known there.
#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#endif
