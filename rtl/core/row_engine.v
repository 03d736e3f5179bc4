// row_engine: the lanes, the two row memories, and the pipeline of control between the sequencer and them.
//
// Everything the accelerator does is one thing: accumulate operands, one a clock in all lanes; with the last of a
// row round, shift, add, saturate and write the row. An operation says where operands come from; its steps enter
// without a stop:
//
//   0       address of a scalar's row in A (score: keys; inhibit: values)
//   2       address of the operands (A or S); the step itself, `at 2`
//   4       the scalar, chosen among the lanes; the operands have left their memory
//   5 to 7  operand; step; sum (token_lane.v)
//   8 to 13 shift, add, saturate (lane_output.v); the residual's address in S is sent at 8
//   14      the row is in the memory
//
// Memory A holds a byte a lane (activations, keys, values), memory S sixteen bits (residual stream, queries,
// scores). The rows of an operation go to neighbouring addresses, from destination_i on. An operation may begin when
// the last row of the one before is in the memory: the sequencer waits.
`default_nettype none

module row_engine #(
    parameter integer Lanes = 16,
    parameter integer Width = 128
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,

    // The operation, still until its rows are written. start_i marks its first clock.
    input  wire                      start_i,
    input  wire                      score_i,
    input  wire                      inhibit_i,
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
    input  wire                      signed_i,
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

  // ---- Control, delayed from stage 2 on; bit k is the signal at stage k.
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
      last_q  <= {last_q[11:3], last_i};
      step_q  <= {step_q[4:3], step_i};
      clear_q <= {clear_q[4:3], clear_i};
    end
    wrap_q                                <= {wrap_q[12:3], wrap_i};
    double_q                              <= {double_q[4:3], double_i};
    normalise_q                           <= {normalise_q[4:3], normalise_i};
    recall_q                              <= {recall_q[4:3], recall_i};
    skip_q                                <= {skip_q[3], skip_i};
    negate_q                              <= {negate_q[3], negate_i};
    {times4_q, times3_q}                  <= {times3_q, times_i};
    {even5_q, even4_q, even3_q}           <= {even4_q, even3_q, start_even_i};
    {odd5_q, odd4_q, odd3_q}              <= {odd4_q, odd3_q, start_odd_i};
    {byte8_q, byte7_q, byte6_q, byte5_q}  <= {byte7_q, byte6_q, byte5_q, byte4_q};
    {byte4_q, byte3_q}                    <= {byte3_q, byte_i};
  end

  // ---- Rows on their way out: key at 7, residual's address at 8, destination at 13.
  reg start_q;
  reg [11:0] residual_q;
  reg [16:7] high_q;
  reg [1:0] write_q; // {s, a} at 13
  reg [11:0] address_q;
  reg [LaneBits-2:0] pair_q;
  wire [3:0] above = top_bit_i - 4'd7;

  always @(posedge clk_i) begin
    start_q <= start_i;
    high_q  <= 10'h3ff << above;
    if (start_i) key_o <= {LaneBits{1'b0}};
    else if (last_q[7]) key_o <= key_o + 1'b1;
    if (start_i) residual_q <= residual_address_i;
    else if (last_q[8]) residual_q <= residual_q + 12'd1;
    if (!rst_ni) write_q <= 2'd0;
    else write_q <= {to_s_i, to_a_i} & {2{last_q[12]}};
    if (start_i) begin
      address_q <= destination_i;
      pair_q    <= {(LaneBits - 1) {1'b0}};
    end else if (write_q != 2'd0) begin
      address_q <= wrap_q[13] ? destination_i : address_q + 12'd1;
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

  // A score takes it as it is; inhibition takes its magnitude, and its sign for the sum.
  wire negative = scalar_o[7];
  wire [7:0] magnitude = !negative ? scalar_o : signed_i ? 8'd0 - scalar_o : 8'd0;
  wire [8:0] scalar = score_i ? {negative, scalar_o} : {1'b0, magnitude & {8{inhibit_i}}};

  // ---- Lanes.
  genvar i;
  generate
    for (i = 0; i < Lanes; i = i + 1) begin : g_row
      assign lanes[i] = !load_i || pair_q == i[LaneBits-1:1];
      assign y_low[8*i+:8] = y[16*i+:8];
    end
    for (i = 0; i < Groups; i = i + 1) begin : g_group
      lane_group u_group (
          .clk_i(clk_i),
          .a_i(a[64*i+:64]),
          .s_i(s[128*i+:128]),
          .segments_i(segments_i[32*i+:32]),
          .from_a_i(from_a_i),
          .threshold_i(inhibit_i),
          .absolute_i(score_i || norm_i),
          .add_residual_i(residual_i),
          .centre_i(centre_i),
          .raw_i(classify_i),
          .relu_i(relu_i),
          .mask_i(mask_i),
          .track_i(score_i),
          .high_i(high_q),
          .shift_i(shift_i),
          .load_i(start_q),
          .forget_i(start_q && score_i),
          .scalar_i(scalar),
          .skip_i(skip_q[4]),
          .negate_i(negate_q[4] || (inhibit_i && negative)),
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
