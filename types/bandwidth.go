package types

import (
	"errors"
	"fmt"
	"math"
)

// Bandwidth limits the traffic of an attachment, seen from the container:
// ingress is what it receives, egress what it sends. Rates are in bits per
// second, bursts, the amount that may pass at once, in bits.
//
// Unlimited is said in one way: a direction without limit has rate 0 and burst
// 0. There is no rate and no burst that means it, and a nil *Bandwidth is no
// capability argument at all. A rate without a burst or a burst without a rate is
// refused by the bandwidth plugin and by [Capabilities.Validate]; see
// [Bandwidth.WithBursts] for a runtime that knows rates only.
type Bandwidth struct {
	IngressRate  uint64 `json:"ingressRate"`
	IngressBurst uint64 `json:"ingressBurst"`
	EgressRate   uint64 `json:"egressRate"`
	EgressBurst  uint64 `json:"egressBurst"`
}

// MaxBurst is the largest burst that the bandwidth plugin takes, in bits. Do not
// use it for "no limit": the plugin hands the time that a burst takes at its rate
// to the kernel in 32 bits, in which more than about 270 seconds do not fit.
const MaxBurst uint64 = 8*math.MaxUint32 - 1

// minBurst is 64 KiB: a segment that is larger than the burst would have to be
// split to pass.
const minBurst = 8 * 64 << 10

// maxBurstSeconds is a time that does fit. What is over it wraps around, and may
// leave a burst that no packet fits in.
const maxBurstSeconds = 256

// WithBursts returns b with a burst for each direction that has a rate and none:
// what passes in one second at this rate, but at least 64 KiB, or what passes in 256
// seconds where that is less, and at most [MaxBurst].
func (b Bandwidth) WithBursts() Bandwidth {
	for _, d := range [...]struct {
		rate  uint64
		burst *uint64
	}{{b.IngressRate, &b.IngressBurst}, {b.EgressRate, &b.EgressBurst}} {
		if d.rate > 0 && *d.burst == 0 {
			// Where the product overflows, the rate is the larger one anyway.
			*d.burst = min(max(d.rate, min(minBurst, d.rate*maxBurstSeconds)), MaxBurst)
		}
	}
	return b
}

func (b *Bandwidth) validate(c *check) {
	for _, d := range [...]struct {
		name        string
		rate, burst uint64
	}{{"ingress", b.IngressRate, b.IngressBurst}, {"egress", b.EgressRate, b.EgressBurst}} {
		switch {
		case d.rate > 0 && d.burst == 0:
			c.fail("."+d.name+"Burst", fmt.Errorf("is missing beside %sRate", d.name))
		case d.rate == 0 && d.burst > 0:
			c.fail("."+d.name+"Rate", fmt.Errorf("is missing beside %sBurst", d.name))
		case d.burst > MaxBurst:
			c.fail("."+d.name+"Burst", errors.New("is 4 GiB or more"))
		}
	}
}
