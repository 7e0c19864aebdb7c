package podnet

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// interfacesIn returns which of the names interfaces in the network namespace at path
// have, alternative names included. The error says that nobody can tell.
func interfacesIn(path string, names []string) ([]string, error) {
	fd, err := routeSocketIn(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var there []string
	for _, name := range names {
		found, err := hasLink(fd, name)
		if err != nil {
			return nil, err
		}
		if found {
			there = append(there, name)
		}
	}
	return there, nil
}

// routeSocketIn opens an rtnetlink socket in the network namespace at path. A socket
// stays in the namespace in which it was made, so its thread is away for no longer than
// making it takes. A thread that cannot get back ends with its goroutine, which is
// therefore not the caller's.
func routeSocketIn(path string) (fd int, err error) {
	// Not blocking: the path may be a FIFO.
	target, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(target)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		own, failed := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if failed != nil {
			runtime.UnlockOSThread()
			fd, err = -1, failed
			return
		}
		defer unix.Close(own)
		if failed := unix.Setns(target, unix.CLONE_NEWNET); failed != nil {
			runtime.UnlockOSThread() // it did not leave
			fd, err = -1, os.NewSyscallError("setns", failed)
			return
		}
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		if unix.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return fd, err
}

// hasLink asks for the interface of that name. (Not by ioctl: that makes the kernel
// look for a module for each name that it does not know, in a process of its own.)
func hasLink(fd int, name string) (bool, error) {
	const head = unix.NLMSG_HDRLEN + unix.SizeofIfInfomsg
	var buf [256]byte // a valid name has 15 bytes at most
	attr := unix.SizeofRtAttr + len(name) + 1
	size := head + (attr+3)&^3
	binary.NativeEndian.PutUint32(buf[0:], uint32(size))
	binary.NativeEndian.PutUint16(buf[4:], unix.RTM_GETLINK)
	binary.NativeEndian.PutUint16(buf[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint16(buf[head:], uint16(attr))
	binary.NativeEndian.PutUint16(buf[head+2:], unix.IFLA_IFNAME)
	copy(buf[head+unix.SizeofRtAttr:], name)
	if _, err := unix.Write(fd, buf[:size]); err != nil {
		return false, os.NewSyscallError("write", err)
	}
	// The reply is there by now. What does not fit is cut off: its head is enough.
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return false, os.NewSyscallError("read", err)
	}
	switch {
	case n < unix.NLMSG_HDRLEN+4:
	case binary.NativeEndian.Uint16(buf[4:]) == unix.RTM_NEWLINK:
		return true, nil
	case binary.NativeEndian.Uint16(buf[4:]) == unix.NLMSG_ERROR:
		code := syscall.Errno(-int32(binary.NativeEndian.Uint32(buf[unix.NLMSG_HDRLEN:])))
		if code == unix.ENODEV {
			return false, nil
		}
		return false, code
	}
	return false, errors.New("no reply of rtnetlink")
}
