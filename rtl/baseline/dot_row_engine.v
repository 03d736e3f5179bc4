// dot_row_engine: row_engine.v with the lanes of the dot-product baseline.
//
// The same memories, the same steps at 2, the same reads; the multiplier takes two clocks more than the difference it
// stands for, so everything behind the operands happens two clocks later: control waits in registers on its way in, and
// so do the fields of the operation that act there. The next operation begins as early as in row_engine.v; its first row
// is read in the clock after the last one was written.
`default_nettype none

module dot_row_engine #(
    parameter integer Lanes = 16,
    parameter integer Width = 128,
    parameter integer Hard  = 0
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,

    // The operation, still until its rows are written. start_i marks its first clock.
    input  wire                      start_i,
    input  wire                      score_i,
    input  wire                      weigh_i,
    input  wire                      norm_i,
    input  wire                      load_i,
    input  wire                      classify_i,
    input  wire                      from_a_i,
    input  wire                      to_a_i,
    input  wire                      to_s_i,
    input  wire                      residual_i,
    input  wire                      relu_i,
    input  wire                      centre_i,
    input  wire                      mask_i,
    input  wire                      exponential_i,
    input  wire                      centred_i,
    input  wire [               3:0] top_bit_i, // bits - 1 of what is written
    input  wire [               4:0] shift_i,
    input  wire [              11:0] destination_i,
    input  wire [              11:0] residual_address_i,

    // Scalars.
    input  wire [              11:0] scalar_address_i, // at 0
    input  wire [ $clog2(Lanes)-1:0] scalar_lane_i,    // at 0
    output wire [               7:0] scalar_o,         // at 4

    // Steps, at 2.
    input  wire [              11:0] operand_address_i,
    input  wire [               7:0] weight_i,
    input  wire                      step_i,
    input  wire                      skip_i,
    input  wire                      double_i,
    input  wire                      negate_i,
    input  wire                      last_i,
    input  wire                      clear_i,
    input  wire                      normalise_i,
    input  wire                      recall_i,
    input  wire [               2:0] times_i,
    input  wire [               1:0] byte_i,
    input  wire                      wrap_i, // the next row is the first one of another pair of lanes
    input  wire [              23:0] start_even_i,
    input  wire [              23:0] start_odd_i,

    // Segments.
    input  wire [       4*Lanes-1:0] segments_i,
    output reg  [ $clog2(Lanes)-1:0] key_o, // at 7
    input  wire [               4:0] key_i, // at 9

    // Rows as they are written, for comparison in simulation.
    output wire                      row_valid_o,
    output wire [              13:0] row_place_o, // {to_s, to_a, address}
    output wire [         Lanes-1:0] row_lanes_o,
    output wire [      16*Lanes-1:0] row_o
);
  localparam integer LaneBits = $clog2(Lanes);
  localparam integer BitsA = $clog2(8 * Width);
  localparam integer BitsS = $clog2(4 * Width);
  localparam integer Groups = Lanes / 8;

  // ---- Two clocks later: the fields of the operation, and the steps.
  localparam integer Fields = 44;
  localparam integer Steps = 62;
  reg [Fields-1:0] fields1_q, fields2_q;
  wire start, to_a, to_s, add_residual, relu, centre, mask, raw, score, norm, load;
  wire [3:0] top_bit;
  wire [4:0] shift;
  wire [11:0] destination, residual_address;

  assign {start, to_a, to_s, add_residual, relu, centre, mask, raw, score, norm, load, top_bit, shift, destination,
      residual_address} = fields2_q;

  reg [Steps-1:0] steps1_q, steps2_q;
  wire step, skip, double, negate, last, clear, normalise, recall, wrap;
  wire [2:0] times;
  wire [1:0] byte_now;
  wire [23:0] start_even, start_odd;

  assign {step, last, clear, skip, double, negate, normalise, recall, wrap, times, byte_now, start_even, start_odd} =
      steps2_q;

  always @(posedge clk_i) begin
    fields1_q <= {start_i, to_a_i, to_s_i, residual_i, relu_i, centre_i, mask_i, classify_i, score_i, norm_i, load_i,
        top_bit_i, shift_i, destination_i, residual_address_i};
    fields2_q <= fields1_q;
    steps1_q  <= {{3{rst_ni}} & {step_i, last_i, clear_i}, skip_i, double_i, negate_i, normalise_i, recall_i, wrap_i,
        times_i, byte_i, start_even_i, start_odd_i};
    steps2_q  <= {{3{rst_ni}} & steps1_q[Steps-1:Steps-3], steps1_q[Steps-4:0]};
  end

  // ---- Control from there on; bit k is the signal two clocks after stage k.
  reg [12:3] last_q;
  reg [13:3] wrap_q;
  reg [5:3] step_q, double_q, clear_q, normalise_q, recall_q;
  reg [4:3] skip_q, negate_q;
  reg [2:0] times3_q, times4_q;
  reg [1:0] byte3_q, byte4_q, byte5_q, byte6_q, byte7_q, byte8_q;
  reg [23:0] even3_q, even4_q, even5_q, odd3_q, odd4_q, odd5_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      last_q  <= 10'd0;
      step_q  <= 3'd0;
      clear_q <= 3'd7; // sums start from 0
    end else begin
      last_q  <= {last_q[11:3], last};
      step_q  <= {step_q[4:3], step};
      clear_q <= {clear_q[4:3], clear};
    end
    wrap_q                                <= {wrap_q[12:3], wrap};
    double_q                              <= {double_q[4:3], double};
    normalise_q                           <= {normalise_q[4:3], normalise};
    recall_q                              <= {recall_q[4:3], recall};
    skip_q                                <= {skip_q[3], skip};
    negate_q                              <= {negate_q[3], negate};
    {times4_q, times3_q}                  <= {times3_q, times};
    {even5_q, even4_q, even3_q}           <= {even4_q, even3_q, start_even};
    {odd5_q, odd4_q, odd3_q}              <= {odd4_q, odd3_q, start_odd};
    {byte8_q, byte7_q, byte6_q, byte5_q}  <= {byte7_q, byte6_q, byte5_q, byte4_q};
    {byte4_q, byte3_q}                    <= {byte3_q, byte_now};
  end

  // ---- Rows on their way out: key at 9, residual's address at 10, destination at 15.
  reg start_q;
  reg [11:0] residual_q;
  reg [16:7] high_q;
  reg [1:0] write_q; // {s, a} at 13
  reg [11:0] address_q;
  reg [LaneBits-2:0] pair_q;
  wire [3:0] above = top_bit - 4'd7;

  always @(posedge clk_i) begin
    start_q <= start;
    high_q  <= 10'h3ff << above;
    if (start) key_o <= {LaneBits{1'b0}};
    else if (last_q[7]) key_o <= key_o + 1'b1;
    if (start) residual_q <= residual_address;
    else if (last_q[8]) residual_q <= residual_q + 12'd1;
    if (!rst_ni) write_q <= 2'd0;
    else write_q <= {to_s, to_a} & {2{last_q[12]}};
    if (start) begin
      address_q <= destination;
      pair_q    <= {(LaneBits - 1) {1'b0}};
    end else if (write_q != 2'd0) begin
      address_q <= wrap_q[13] ? destination : address_q + 12'd1;
      if (wrap_q[13]) pair_q <= pair_q + 1'b1;
    end
  end

  // ---- Memories. Each has one address to read: a scalar's or an operand's; an operand's or a residual's.
  wire [11:0] read_a = from_a_i ? operand_address_i : scalar_address_i;
  wire [11:0] read_s = residual_i ? residual_q : operand_address_i;
  wire unused_address = ^{read_a, read_s, address_q};
  wire [8*Lanes-1:0] a, y_low;
  wire [16*Lanes-1:0] s, y;
  wire [Lanes-1:0] lanes;

  row_memory #(
      .Lanes(Lanes),
      .LaneWidth(8),
      .Rows(8 * Width)
  ) u_a (
      .clk_i(clk_i),
      .write_i(lanes & {Lanes{write_q[0]}}),
      .write_address_i(address_q[BitsA-1:0]),
      .data_i(y_low),
      .read_address_i(read_a[BitsA-1:0]),
      .data_o(a)
  );

  row_memory #(
      .Lanes(Lanes),
      .LaneWidth(16),
      .Rows(4 * Width)
  ) u_s (
      .clk_i(clk_i),
      .write_i(lanes & {Lanes{write_q[1]}}),
      .write_address_i(address_q[BitsS-1:0]),
      .data_i(y),
      .read_address_i(read_s[BitsS-1:0]),
      .data_o(s)
  );

  // ---- Scalar: at 2 the row has left A, at 4 the lane is chosen.
  reg [LaneBits-1:0] lane1_q, lane2_q;

  always @(posedge clk_i) {lane2_q, lane1_q} <= {lane1_q, scalar_lane_i};

  lane_select #(
      .Lanes(Lanes)
  ) u_scalar (
      .clk_i (clk_i),
      .row_i (a),
      .lane_i(lane2_q),
      .byte_o(scalar_o)
  );

  reg [7:0] weight3_q, weight4_q;

  always @(posedge clk_i) {weight4_q, weight3_q} <= {weight3_q, weight_i};

  wire [7:0] scalar = score_i || weigh_i ? scalar_o : weight4_q;

  // ---- Lanes.
  genvar i;
  generate
    for (i = 0; i < Lanes; i = i + 1) begin : g_row
      assign lanes[i] = !load || pair_q == i[LaneBits-1:1];
      assign y_low[8*i+:8] = y[16*i+:8];
    end
    for (i = 0; i < Groups; i = i + 1) begin : g_group
      dot_lane_group #(
          .Hard(Hard)
      ) u_group (
          .clk_i(clk_i),
          .a_i(a[64*i+:64]),
          .s_i(s[128*i+:128]),
          .segments_i(segments_i[32*i+:32]),
          .from_a_i(from_a_i),
          .exponential_i(exponential_i && norm_i),
          .pass_i(norm_i || centred_i),
          .add_residual_i(add_residual),
          .centre_i(centre),
          .raw_i(raw),
          .relu_i(relu),
          .mask_i(mask),
          .track_i(score),
          .high_i(high_q),
          .shift_i(shift),
          .load_i(start_q),
          .forget_i(start_q && score),
          .scalar_i(scalar),
          .skip_i(skip_q[4]),
          .absolute_i(norm && !negate_q[4]),
          .negate_i(score),
          .times_i(times4_q),
          .step_i(step_q[5]),
          .double_i(double_q[5]),
          .last_i(last_q[5]),
          .clear_i(clear_q[5]),
          .normalise_i(normalise_q[5]),
          .recall_i(recall_q[5]),
          .start_even_i(even5_q),
          .start_odd_i(odd5_q),
          .byte_i(byte8_q),
          .key_i(key_i),
          .row_i(last_q[12]),
          .y_o(y[128*i+:128])
      );
    end
  endgenerate

  assign row_valid_o = write_q != 2'd0;
  assign row_place_o = {write_q, address_q};
  assign row_lanes_o = lanes;
  assign row_o = y;
endmodule

`default_nettype wire
