// The C++ loop around a verilated model: one call from Python is one transaction.
//
// `hwsim.rtl.sim` compiles this file together with what Verilator wrote, and with `ports.inc`, one line
// PORT(name) per port in the order of the Python side. A port's value travels as its storage bytes, low
// byte first (Verilator keeps 1, 2, 4, 8 or 4n bytes; little-endian hosts only). -1 stands for "no such port".
//
// Cycle c spans time 10c..10c+9 of a waveform: inputs change at 10c, the clock rises at 10c+5. Outputs are
// sampled between the two, as a flip-flop on the other side would see them.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif
#if VM_COVERAGE
#include <unistd.h>
#include <cstdlib>
#include <string>
#include "verilated_cov.h"
#endif

namespace {

// Repeatable stalls in bursts: the share of stalled cycles changes every few cycles among 0, 1/4, 3/4 and 1.
class Stalls {
    uint64_t state_;
    int left_ = 0;
    unsigned share_ = 0;

    unsigned random() {  // xorshift: a linear feedback shift register over 64 bits
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<unsigned>(state_ >> 24);
    }

   public:
    Stalls(uint64_t seed, uint64_t stream) : state_(seed ? (seed + stream) * 0x9E3779B97F4A7C15u | 1u : 0) {}

    bool next() {
        if (!state_) return false;
        if (left_-- == 0) {
            static const unsigned shares[] = {0, 1, 3, 4};
            share_ = shares[random() & 3];
            left_ = static_cast<int>(random() % (share_ == 4 ? 6 : 24));
        }
        return (random() & 3) < share_;
    }
};

}  // namespace

// One AXI-Stream. `rows` holds a beat a row: tdata, tuser, tlast (one byte), the absent ones left out.
struct Channel {
    int32_t tvalid, tready, tdata, tuser, tlast;
    int32_t row_bytes;
    int64_t beats;
    const uint8_t* rows;
};

struct Monitor {
    int32_t valid, data;
};

struct Request {
    int32_t slaves, monitors;
    const Channel* slave;
    const Channel* master;
    const Monitor* monitor;
    int64_t outputs;   // packets (tlast), or beats where the master stream has no tlast
    int64_t patience;  // cycles without any transfer before giving up
    int64_t settle;    // idle cycles after the last expected output, in which nothing more may come
    uint64_t seed;     // of the stalls; 0: none
    int32_t fault;     // a port that ends the transaction when it is high
};

enum Outcome { DONE, TIMEOUT, LEFTOVER, FAULT, UNSTABLE };

namespace {

struct Record {
    std::vector<uint8_t> rows;
    std::vector<int64_t> cycles;
};

struct PortStorage {
    uint8_t* bytes;
    size_t size;
};

class Harness {
    VerilatedContext context_;
    Vtop top_;
#if VM_TRACE
    VerilatedVcdC vcd_;
#endif
    std::vector<PortStorage> ports_;

    void dump(int64_t time) {
        context_.time(static_cast<uint64_t>(time));
#if VM_TRACE
        if (vcd_.isOpen()) vcd_.dump(static_cast<uint64_t>(time));
#endif
    }

    void settle() {
        top_.eval();
        dump(10 * cycle);
    }

    void rise(int clock) {
        set_flag(clock, true);
        top_.eval();
        dump(10 * cycle + 5);
        set_flag(clock, false);
        ++cycle;
    }

    void set_flag(int port, bool value) {
        if (port >= 0) *ports_[static_cast<size_t>(port)].bytes = value;
    }

    bool flag(int port, bool absent = true) const {
        return port < 0 ? absent : *ports_[static_cast<size_t>(port)].bytes;
    }

    const uint8_t* put(int port, const uint8_t* from) {
        if (port < 0) return from;
        const PortStorage& p = ports_[static_cast<size_t>(port)];
        std::memcpy(p.bytes, from, p.size);
        return from + p.size;
    }

    void get(int port, std::vector<uint8_t>& to) const {
        if (port < 0) return;
        const PortStorage& p = ports_[static_cast<size_t>(port)];
        to.insert(to.end(), p.bytes, p.bytes + p.size);
    }

   public:
    int64_t cycle = 0;
    Record output;
    std::vector<Record> monitored;
    std::vector<int64_t> sent;  // beats accepted by each slave stream

    explicit Harness(uint64_t seed) : top_(prepare(seed)) {
#define PORT(name) ports_.push_back({reinterpret_cast<uint8_t*>(&top_.name), sizeof(top_.name)});
#include "ports.inc"
#undef PORT
    }

    ~Harness() {
#if VM_COVERAGE
        // A name for each simulation of each model of each process.
        static int written = 0;
        const char* folder = std::getenv("HWSIM_RTL_COVERAGE");
        const std::string model = std::to_string(reinterpret_cast<uintptr_t>(&written));
        const std::string name = std::to_string(getpid()) + "-" + model + "-" + std::to_string(written++) + ".dat";
        if (folder) context_.coveragep()->write(std::string(folder) + "/" + name);
#endif
#if VM_TRACE
        if (vcd_.isOpen()) vcd_.close();
#endif
        top_.final();
    }

    // Registers start with random values: a model that works only because its state began as 0 is caught.
    VerilatedContext* prepare(uint64_t seed) {
        context_.randReset(2);
        context_.randSeed(static_cast<int>(seed));
#if VM_TRACE
        context_.traceEverOn(true);
#endif
        return &context_;
    }

    void open_waves(const char* path) {
#if VM_TRACE
        top_.trace(&vcd_, 99);
        vcd_.open(path);
#else
        (void)path;
#endif
    }

    void set(int port, const uint8_t* from) { put(port, from); }

    // Reset `cycles` long (active low), every other input as it was.
    void reset(int clock, int reset, int cycles) {
        set_flag(reset, false);
        for (int i = 0; i < cycles; ++i) {
            settle();
            rise(clock);
        }
        set_flag(reset, true);
    }

    // A combinational module: a row of inputs in, a row of outputs out.
    void vectors(const int32_t* inputs, int n, const int32_t* outputs, int m, int64_t rows, const uint8_t* in,
                 uint8_t* out) {
        for (; rows; --rows, ++cycle) {
            for (int i = 0; i < n; ++i) in = put(inputs[i], in);
            settle();
            for (int i = 0; i < m; ++i) {
                const PortStorage& p = ports_[static_cast<size_t>(outputs[i])];
                std::memcpy(out, p.bytes, p.size);
                out += p.size;
            }
        }
    }

    Outcome stream(const Request& r, int clock) {
        const auto slaves = static_cast<size_t>(r.slaves);
        std::vector<Stalls> stalls;
        for (size_t i = 0; i <= slaves; ++i) stalls.emplace_back(r.seed, i + 1);
        std::vector<char> offered(slaves, 0);
        sent.assign(slaves, 0);
        output = Record();
        monitored.assign(static_cast<size_t>(r.monitors), Record());
        std::vector<uint8_t> held, seen;  // the master's beat that waits for tready, and this cycle's
        int64_t outputs = 0, idle = 0, after = 0;

        for (;;) {
            bool complete = outputs >= r.outputs;
            for (size_t i = 0; i < slaves; ++i) complete = complete && sent[i] == r.slave[i].beats;
            after = complete ? after + 1 : 0;
            if (after > r.settle) return DONE;
            if (idle > r.patience) return TIMEOUT;

            for (size_t i = 0; i < slaves; ++i) {
                const Channel& s = r.slave[i];
                // A beat once offered stays until it is taken; while there is none the data port keeps the last.
                if (!offered[i] && sent[i] < s.beats && !stalls[i].next()) {
                    offered[i] = 1;
                    put(s.tlast, put(s.tuser, put(s.tdata, s.rows + sent[i] * s.row_bytes)));
                }
                set_flag(s.tvalid, offered[i]);
            }
            set_flag(r.master->tready, !stalls[slaves].next());
            settle();

            if (flag(r.fault, false)) return FAULT;
            for (size_t i = 0; i < monitored.size(); ++i)
                if (flag(r.monitor[i].valid)) {
                    get(r.monitor[i].data, monitored[i].rows);
                    monitored[i].cycles.push_back(cycle);
                }
            bool moved = false;
            for (size_t i = 0; i < slaves; ++i)
                if (offered[i] && flag(r.slave[i].tready)) {
                    offered[i] = 0;
                    ++sent[i];
                    moved = true;
                }
            const Channel& m = *r.master;
            seen.clear();
            if (flag(m.tvalid)) {
                get(m.tdata, seen);
                get(m.tuser, seen);
                get(m.tlast, seen);
            }
            if (!held.empty() && seen != held) return UNSTABLE;
            held.clear();
            if (flag(m.tvalid)) {
                if (complete) return LEFTOVER;
                if (!flag(m.tready)) {
                    held = seen;
                } else {
                    output.rows.insert(output.rows.end(), seen.begin(), seen.end());
                    output.cycles.push_back(cycle);
                    outputs += flag(m.tlast);
                    moved = true;
                }
            }
            idle = moved || complete ? 0 : idle + 1;
            rise(clock);
        }
    }
};

int64_t give(const Record& record, const uint8_t** rows, const int64_t** cycles) {
    *rows = record.rows.data();
    *cycles = record.cycles.data();
    return static_cast<int64_t>(record.cycles.size());
}

}  // namespace

// Everything else is hidden, so that several models can live in one process.
#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void* hwsim_new(uint64_t seed) { return new Harness(seed); }
EXPORT void hwsim_delete(Harness* h) { delete h; }
EXPORT void hwsim_open_waves(Harness* h, const char* path) { h->open_waves(path); }
EXPORT void hwsim_set(Harness* h, int port, const uint8_t* from) { h->set(port, from); }
EXPORT void hwsim_reset(Harness* h, int clock, int reset, int cycles) { h->reset(clock, reset, cycles); }
EXPORT int64_t hwsim_cycle(Harness* h) { return h->cycle; }
EXPORT int hwsim_stream(Harness* h, const Request* request, int clock) { return h->stream(*request, clock); }
EXPORT void hwsim_sent(Harness* h, int64_t* to) { std::copy(h->sent.begin(), h->sent.end(), to); }

EXPORT void hwsim_vectors(Harness* h, const int32_t* inputs, int n, const int32_t* outputs, int m, int64_t rows,
                   const uint8_t* in, uint8_t* out) {
    h->vectors(inputs, n, outputs, m, rows, in, out);
}

// Results of the last transaction: channel -1 is the master stream, others are monitors. Returns the rows.
EXPORT int64_t hwsim_record(Harness* h, int channel, const uint8_t** rows, const int64_t** cycles) {
    return give(channel < 0 ? h->output : h->monitored[static_cast<size_t>(channel)], rows, cycles);
}
