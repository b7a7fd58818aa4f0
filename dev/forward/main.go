// Command forward passes TCP connections on, and checks health: the two things
// that the profile demo of docker-compose.yml needs beside the stand-ins.
//
//	forward 127.0.0.1:8091=sim:8091 127.0.0.1:8092=sim:8092
//	forward --check 127.0.0.1:8091/_sim/calls
//
// Worker and starter speak plain HTTP with nothing but their own machine, and a
// codec server that asks nobody who they are listens on nothing else. In the
// demo, where every secret is well known, this command brings that machine's
// loopback and another container together, from inside the network namespace
// of the one that it serves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"bob-onelogin/internal/healthcheck"
)

func main() {
	check := flag.String("check", "", "ask host:port/path whether it answers 200, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *check, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check string, routes []string) error {
	if check != "" {
		addr, path, _ := strings.Cut(check, "/")
		return healthcheck.Ask(ctx, addr, "/"+path)
	}
	if len(routes) == 0 {
		return errors.New("name what to listen on and where to pass it on to: 127.0.0.1:8091=sim:8091")
	}
	var all []route
	for _, text := range routes {
		from, to, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q: must be listen=to, such as 127.0.0.1:8091=sim:8091", text)
		}
		l, err := net.Listen("tcp", from)
		if err != nil {
			return err
		}
		defer l.Close()
		all = append(all, route{listener: l, to: to})
	}
	var serving sync.WaitGroup
	for _, r := range all {
		serving.Go(func() { r.serve(ctx) })
	}
	<-ctx.Done()
	for _, r := range all {
		r.listener.Close()
	}
	serving.Wait()
	return nil
}

// route passes what comes to a listener on to an address.
type route struct {
	listener net.Listener
	to       string
}

// serve returns when the listener is closed, and cuts connections off then.
func (r route) serve(ctx context.Context) {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		from, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "forward:", err)
			time.Sleep(100 * time.Millisecond) // out of files, most often
			continue
		}
		open.Go(func() { r.pass(ctx, from) })
	}
}

// pass copies both ways until both are done, each end being told of the
// other's.
func (r route) pass(ctx context.Context, from net.Conn) {
	defer from.Close()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	to, err := dialer.DialContext(ctx, "tcp", r.to)
	if err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		return
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() {
		from.Close()
		to.Close()
	})()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0]) // an end that breaks off is an end
			_ = way[1].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}
