package r2creds_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

// A phase holds a call up. Arrived waits until the call is there.
type phase struct {
	name, url, account string
	arrived            func(t testing.TB)
	option             r2creds.RequestOption
}

// Each has a server of its own, for a call that ends early may be noticed late.
func phases(t *testing.T) []phase {
	full := fullBacklog(t)
	// More than the sockets' buffers hold, to a server that does not read.
	long := r2creds.WithExtraBody(`{"a":"` + strings.Repeat("x", 8<<20) + `"}`)
	return []phase{
		{"connect", "http://" + full, "plain", func(t testing.TB) { awaitConnecting(t, full) }, nil},
		atSilence(t, "handshake", "https://", nil),
		atSilence(t, "sending", "http://", long),
		atAPI(t, "waiting", "hangs"),
		atAPI(t, "reading", "drips"),
		atAPI(t, "between attempts", "waits"),
	}
}

func atAPI(t *testing.T, name, account string) phase {
	server := newAPI(t)
	return phase{name, server.URL, account, func(t testing.TB) { await(t, "the request", server.reached) }, nil}
}

func atSilence(t *testing.T, name, scheme string, option r2creds.RequestOption) phase {
	accepted := make(chan struct{}, 1000)
	return phase{name, scheme + listen(t, accepted), "plain",
		func(t testing.TB) { await(t, "the connection", accepted) }, option}
}

// listen accepts connections and does nothing with them.
func listen(t *testing.T, accepted chan<- struct{}) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { connection.Close() })
			connection.(*net.TCPConn).SetReadBuffer(4096) // so that it is soon full
			accepted <- struct{}{}
		}
	}()
	return listener.Addr().String()
}

// fullBacklog is an address where a connection is neither accepted nor refused.
func fullBacklog(t *testing.T) string {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	address := bound(t, socket)
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	connection, err := net.DialTimeout("tcp", address, patience) // a backlog of 0 has room for one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return address
}

// awaitConnecting waits until the system lists a connection to this address whose handshake has begun.
func awaitConnecting(t testing.TB, address string) {
	var port int
	fmt.Sscanf(address, "127.0.0.1:%d", &port)
	until(t, "a connection attempt", func() bool {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(table), fmt.Sprintf(" 0100007F:%04X 02 ", port))
	})
}

// In every phase, a call ends when its context is cancelled, when its deadline passes, and when its client is closed.
func TestACallEndsInEveryPhase(t *testing.T) {
	for _, phase := range phases(t) {
		t.Run(phase.name, func(t *testing.T) { endsInEveryWay(t, phase) })
	}
}

func endsInEveryWay(t *testing.T, in phase) {
	var options []r2creds.RequestOption
	if in.option != nil {
		options = append(options, in.option)
	}
	newClient := func() *r2creds.Client {
		return newClient(t, in.url, r2creds.WithMaxRetries(2), r2creds.WithConnectTimeout(patience))
	}
	begin := func(client *r2creds.Client, ctx context.Context) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := client.Create(ctx, forAccount(in.account), options...)
			ended <- err
		}()
		return ended
	}

	within(t, median(func() time.Duration {
		ctx, cancel := context.WithCancel(background)
		ended := begin(newClient(), ctx)
		in.arrived(t)
		start := time.Now()
		cancel()
		err := <-ended
		took := time.Since(start)
		failed(t, err, r2creds.ErrCancelled)
		equal(t, "context.Canceled", errors.Is(err, context.Canceled), true)
		return took
	}), 0, promptly)

	within(t, median(func() time.Duration {
		client := newClient()
		ended := begin(client, background)
		in.arrived(t)
		start := time.Now()
		client.Close()
		err := <-ended
		took := time.Since(start)
		failed(t, err, r2creds.ErrCancelled)
		return took
	}), 0, promptly)

	if in.name == "between attempts" {
		return // with a deadline before the next attempt there is no wait: the test of deadlines has it
	}
	// On a machine that is slow enough, the time is up before the phase has begun; so nobody waits for that. The library
	// keeps the deadline; here it is enough that no other clock ended the call, of which the next is 20 s.
	const limit = 300 * time.Millisecond
	client := newClient()
	start := time.Now()
	ctx, cancel := context.WithTimeout(background, limit)
	defer cancel()
	err := <-begin(client, ctx)
	within(t, time.Since(start), limit, limit+10*time.Second)
	failed(t, err, r2creds.ErrTimeout)
	equal(t, "context.DeadlineExceeded", errors.Is(err, context.DeadlineExceeded), true)
}

// threads counts the threads of this process, and those among them that look up a name.
func threads(t testing.TB) (all, lookups int) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		name, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/comm") // none if it has just ended
		if string(name) == "r2creds-lookup\n" {
			lookups++
		}
	}
	return len(tasks), lookups
}

// manyCancelled makes a thousand calls, sixteen at a time, and cancels each; at most so many threads that look up a
// name may be left. Go keeps a thread that a call has blocked for the next one, so a first round is made before
// anything is counted, and some more may be needed by chance, but not one for every call.
func manyCancelled(t *testing.T, lookups int, one func()) {
	round := func(calls int) {
		var all sync.WaitGroup
		for range 16 {
			all.Add(1)
			go func() {
				defer all.Done()
				for range calls / 16 {
					one()
				}
			}()
		}
		all.Wait()
	}
	round(160)
	goroutines := runtime.NumGoroutine()
	all, _ := threads(t)
	round(1008)
	// A server's own goroutines end when it sees that the connections are closed.
	until(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
	until(t, "threads as before", func() bool {
		now, looking := threads(t)
		return now <= all+48 && looking <= lookups
	})
}

func TestAThousandCancelledCallsLeaveNothing(t *testing.T) {
	var cancels sync.Map
	server := newAPIThat(t, func(account string) {
		cancel, _ := cancels.Load(account)
		cancel.(context.CancelFunc)()
	})
	client := newClient(t, server.URL)
	var mu sync.Mutex
	number := 0
	manyCancelled(t, 0, func() {
		mu.Lock()
		number++
		account := fmt.Sprint("hangs-", number)
		mu.Unlock()
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		cancels.Store(account, cancel)
		if _, err := client.Create(ctx, forAccount(account)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// The phase that cannot be interrupted, in a process of its own whose name lookups never end.
func TestALookupThatNeverEndsDoesNotHoldACallUp(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	if !inProcessWith(t, "testdata/lookup.c", write, read) { // there they are 3 and 4
		return
	}
	begun := map[byte]chan struct{}{'e': make(chan struct{}, 10_000), 'm': make(chan struct{}, 10_000)}
	go func() {
		for lookups := bufio.NewReader(os.NewFile(4, "lookups")); ; {
			letter, err := lookups.ReadByte()
			if err != nil {
				return
			}
			begun[letter] <- struct{}{}
		}
	}()
	endsInEveryWay(t, phase{"lookup", "https://each-way.invalid", "plain",
		func(t testing.TB) { await(t, "the lookup", begun['e']) }, nil})

	client := newClient(t, "https://many-calls.invalid")
	manyCancelled(t, 7+1, func() { // one for each client, of which there were seven before
		ctx, cancel := context.WithCancel(background)
		defer time.AfterFunc(time.Millisecond, cancel).Stop()
		if _, err := client.Create(ctx, validParams()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	await(t, "the lookup", begun['m'])
	equal(t, "further lookups for one host and client", len(begun['m']), 0)
}

// bound gives a socket an address on loopback.
func bound(t *testing.T, socket int) string {
	err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}
