// sequencer: runs the program: one operation after another, each as a row of steps without a stop.
//
// An operation takes a clock to begin, its steps, and 14 clocks until its last row is in the memory; only then does
// the next one begin, so that no row is read while it is on its way. The kinds, n the real tokens, c the count:
//   1 load      a frame into lanes                          beats of the frame
//   2 linear    rows of weight entries                      entries
//   3 classify  the same, three bytes a row                 entries
//   4 score     for each key: |q - k| of c features         n * c
//   5 centre    one operand a row, c rows (0: a row a key)   c or n
//   6 inhibit   for each of c features: all keys            c * n
//   7 norm      sum of c, 24 to normalise, c rows of four    5 * c + 24
//   8 send      c logits of every reporting lane            (result_sender.v)
//   0 end       of the program
//
// cycles_o counts the clocks of a run, without those before the first beat of its frame, and stalls_o those of them
// in which a stream was waited for: cycles_o - stalls_o depends on program, weights and n only. Both belong to the
// last complete run while done_o is high, one clock. While run_i is high the program starts again after its end.
//
// An error stops the run until the next reset: 1 to 3 as in operation_fetch.v, 4 no more weights, 5 an entry points behind
// the inputs, 6 a frame that is none. number_o is the operation it happened in.
`default_nettype none

module sequencer #(
    parameter integer Lanes      = 16,
    parameter integer Operations = 256
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,
    input  wire                          run_i,

    output wire                          idle_o,
    output reg                           done_o,
    output reg  [                  31:0] cycles_o,
    output reg  [                  31:0] stalls_o,
    output reg  [                   3:0] error_o,
    output reg  [$clog2(Operations)-1:0] number_o,

    // The next operation.
    input  wire                          next_valid_i,
    input  wire [                 127:0] next_i,
    input  wire [$clog2(Operations)-1:0] next_number_i,
    input  wire                          next_bad_i,
    input  wire [                   3:0] next_code_i,
    output wire                          take_o,
    output wire                          restart_o, // program, weights and biases from their start

    // The operation in work.
    output wire                          start_o,
    output reg  [                 127:0] operation_o,

    // The other sources of steps.
    output wire                          load_active_o,
    input  wire                          load_begun_i,
    input  wire                          load_done_i,
    input  wire                          load_wrong_i,
    input  wire                          load_valid_i,
    output wire                          weights_active_o,
    input  wire                          weights_row_end_i,
    input  wire                          weights_starved_i,
    input  wire                          weights_exhausted_i,
    input  wire                          weights_wrong_i,
    output wire                          send_active_o,
    input  wire                          send_done_i,
    input  wire                          send_waiting_i,
    input  wire [     $clog2(Lanes)-1:0] last_key_i,

    // Steps of counted operations: scalars at 0, the rest at 2.
    output reg  [                  11:0] scalar_address_o,
    output reg  [     $clog2(Lanes)-1:0] scalar_lane_o,
    output reg  [                  11:0] operand_address_o,
    output reg                           step_o,
    output reg                           skip_o,
    output reg                           double_o,
    output reg                           negate_o,
    output reg                           last_o,
    output reg                           clear_o,
    output reg                           normalise_o,
    output reg                           recall_o,
    output reg  [                   2:0] times_o,
    output reg  [                  23:0] start_value_o
);
  localparam integer LaneBits = $clog2(Lanes);
  localparam [3:0] KindEnd = 4'd0, KindLoad = 4'd1, KindLinear = 4'd2, KindClassify = 4'd3, KindScore = 4'd4,
      KindCentre = 4'd5, KindInhibit = 4'd6, KindNorm = 4'd7, KindSend = 4'd8;
  localparam [2:0] Idle = 3'd0, Start = 3'd1, Count = 3'd2, Load = 3'd3, Weights = 3'd4, Send = 3'd5, Drain = 3'd6,
      Fault = 3'd7;
  localparam [3:0] DrainClocks = 4'd14;
  localparam [11:0] NormaliseClocks = 12'd24;

  reg [2:0] state_q;
  reg [3:0] drain_q;
  wire [3:0] kind = operation_o[3:0];
  wire [11:0] scalar_source = operation_o[43:32];
  wire [11:0] operand_source = operation_o[59:48];
  wire [15:0] immediate = operation_o[111:96];
  wire [11:0] count = operation_o[123:112];

  // ---- States.
  wire counted_end;
  reg [11:0] rows_q; // still to come, of a weight operation
  wire rows_end = weights_row_end_i && rows_q == 12'd1;
  wire take = next_valid_i && ((state_q == Idle && run_i) || (state_q == Drain && drain_q == 4'd0));
  wire exhausted = state_q == Weights && weights_exhausted_i;
  wire at_end = state_q == Start && kind == KindEnd;

  assign idle_o = state_q == Idle;
  assign take_o = take;
  assign restart_o = at_end || !rst_ni || (state_q == Idle && !run_i);
  assign start_o = state_q == Start;
  assign load_active_o = state_q == Load;
  assign weights_active_o = state_q == Weights;
  assign send_active_o = state_q == Send;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q  <= Idle;
      error_o  <= 4'd0;
      number_o <= {$clog2(Operations) {1'b0}};
    end else begin
      case (state_q)
        Start:
        case (kind)
          KindEnd: state_q <= Idle;
          KindLoad: state_q <= Load;
          KindLinear, KindClassify: state_q <= Weights;
          KindSend: state_q <= Send;
          default: state_q <= Count;
        endcase
        Count: if (counted_end) state_q <= Drain;
        Load: if (load_done_i) state_q <= Drain;
        Weights: if (rows_end) state_q <= Drain;
        Send: if (send_done_i) state_q <= Drain;
        default: if (take) state_q <= next_bad_i ? Fault : Start;
      endcase
      if (take) number_o <= next_number_i;
      if (take && next_bad_i) error_o <= next_code_i;
      if (exhausted || weights_wrong_i || load_wrong_i) begin
        state_q <= Fault;
        error_o <= load_wrong_i ? 4'd6 : weights_wrong_i ? 4'd5 : 4'd4;
      end
    end
    if (take) operation_o <= next_i;
    drain_q <= state_q != Drain ? DrainClocks - 4'd1 : drain_q == 4'd0 ? 4'd0 : drain_q - 4'd1;
    if (state_q == Start) rows_q <= immediate[11:0];
    else if (weights_row_end_i) rows_q <= rows_q - 12'd1;
  end

  // ---- The clocks of a run.
  wire counting = state_q != Idle && state_q != Fault && !(state_q == Load && !load_begun_i && !load_valid_i);
  wire stalled = (state_q == Load && load_begun_i && !load_valid_i)
      || (state_q == Weights && weights_starved_i)
      || (state_q == Send && send_waiting_i);
  reg fresh_q; // the counters belong to a run that is over

  always @(posedge clk_i) begin
    if (!rst_ni) fresh_q <= 1'b1;
    else if (at_end) fresh_q <= 1'b1;
    else if (counting) fresh_q <= 1'b0;
    done_o <= rst_ni && at_end;
    if (!rst_ni) begin
      cycles_o <= 32'd0;
      stalls_o <= 32'd0;
    end else if (counting) begin
      cycles_o <= (fresh_q ? 32'd0 : cycles_o) + 32'd1;
      stalls_o <= (fresh_q ? 32'd0 : stalls_o) + {31'd0, stalled};
    end
  end

  // ---- Counted operations: inner_q is the operand of the row, outer_q the row.
  localparam [1:0] Sum = 2'd0, Normalise = 2'd1, Multiply = 2'd2; // phases of a norm
  wire [11:0] last_key = {{(12 - LaneBits) {1'b0}}, last_key_i};
  wire is_norm = kind == KindNorm;
  reg [1:0] phase_q;
  reg [11:0] inner_q, outer_q, inner_end_q, outer_end_q, final_q;
  wire counting_steps = state_q == Count;
  wire inner_last = inner_q == inner_end_q;
  wire outer_last = outer_q == outer_end_q;
  wire phase_last = !is_norm || phase_q == Multiply;

  assign counted_end = inner_last && outer_last && phase_last;

  always @(posedge clk_i) begin
    final_q <= count - 12'd1;
    if (state_q == Start) begin
      phase_q <= Sum;
      inner_q <= 12'd0;
      outer_q <= 12'd0;
      case (kind)
        KindInhibit: inner_end_q <= last_key;
        KindCentre: inner_end_q <= 12'd0;
        default: inner_end_q <= count - 12'd1;
      endcase
      case (kind)
        KindScore: outer_end_q <= last_key;
        KindCentre: outer_end_q <= count == 12'd0 ? last_key : count - 12'd1;
        KindInhibit: outer_end_q <= count - 12'd1;
        default: outer_end_q <= 12'd0;
      endcase
    end else if (counting_steps) begin
      inner_q <= inner_last ? 12'd0 : inner_q + 12'd1;
      if (inner_last) outer_q <= outer_last ? 12'd0 : outer_q + 12'd1;
      if (is_norm && inner_last && outer_last) begin
        phase_q     <= phase_q + 2'd1;
        inner_end_q <= phase_q == Sum ? NormaliseClocks - 12'd1 : 12'd3;
        outer_end_q <= phase_q == Sum ? 12'd0 : final_q;
      end
    end
  end

  // ---- Steps at 0, held back to 2 but for the scalar.
  wire multiplies = is_norm && phase_q == Multiply;
  wire normalises = is_norm && phase_q == Normalise;
  wire inner_is_operand = kind == KindScore || kind == KindInhibit || (is_norm && phase_q == Sum);
  wire recalls = normalises && inner_last;
  wire row_end = inner_last && !(is_norm && phase_q != Multiply);
  wire starts = inner_q == 12'd0 && (kind == KindScore || kind == KindCentre);
  wire [2:0] times = multiplies ? {inner_q[1:0] == 2'd1, inner_q[1:0] == 2'd2, inner_q[1:0] == 2'd3} : 3'd0;

  reg [11:0] operand0_q, operand1_q;
  reg [23:0] start0_q, start1_q;
  reg [10:0] step0_q, step1_q;

  always @(posedge clk_i) begin
    scalar_address_o <= scalar_source + (kind == KindInhibit ? outer_q : inner_q);
    scalar_lane_o    <= kind == KindInhibit ? inner_q[LaneBits-1:0] : outer_q[LaneBits-1:0];
    operand0_q       <= {12{counting_steps}} & (operand_source + (inner_is_operand ? inner_q : outer_q));
    start0_q         <= {24{counting_steps && starts}} & {{8{immediate[15]}}, immediate};
    step0_q          <= {11{counting_steps && rst_ni}} & {
        times,
        recalls,
        normalises && !recalls,
        row_end || recalls, // clear
        row_end,
        multiplies || kind == KindCentre, // negate: the step is 0 - operand
        (multiplies && inner_q != 12'd0) || normalises, // double
        normalises, // skip
        1'b1
    };
    operand1_q <= operand0_q;
    start1_q   <= start0_q;
    step1_q    <= step0_q & {11{rst_ni}};
    operand_address_o <= operand1_q;
    start_value_o     <= start1_q;
    {times_o, recall_o, normalise_o, clear_o, last_o, negate_o, double_o, skip_o, step_o} <= step1_q & {11{rst_ni}};
  end
endmodule

`default_nettype wire
