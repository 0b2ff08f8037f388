//go:build ignore

// Command bridge lets containers reach a sandbox that listens on loopback.
//
//	go run internal/build/bridge.go 4566 8443
//
// Docker Desktop hands a container's connections to host.docker.internal to the
// host's loopback by itself. Docker on Linux hands them to the address of the
// docker0 interface, where nobody listens: there, bridge forwards each of the
// given ports of that address, which containers and this machine alone can
// reach, to the same port of 127.0.0.1. Without a docker0 interface it has
// nothing to do and ends.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"sync"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bridge: ")
	address, ok := gateway()
	if !ok {
		return
	}
	var all sync.WaitGroup
	for _, port := range os.Args[1:] {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			log.Fatal(err)
		}
		all.Go(func() { serve(l, net.JoinHostPort("127.0.0.1", port)) })
	}
	all.Wait()
}

// gateway is the IPv4 address of the docker0 interface.
func gateway() (address string, ok bool) {
	docker, err := net.InterfaceByName("docker0")
	if err != nil {
		return "", false
	}
	addresses, err := docker.Addrs()
	if err != nil {
		return "", false
	}
	for _, a := range addresses {
		if n, isIP := a.(*net.IPNet); isIP && n.IP.To4() != nil {
			return n.IP.String(), true
		}
	}
	return "", false
}

func serve(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go forward(in, to)
	}
}

// forward copies both ways until each side has closed its own.
func forward(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		log.Print(err)
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	both.Go(func() { pump(out, in) })
	both.Go(func() { pump(in, out) })
	both.Wait()
}

func pump(to, from net.Conn) {
	_, _ = io.Copy(to, from) // either end may leave; the other is told below
	_ = to.(*net.TCPConn).CloseWrite()
}
