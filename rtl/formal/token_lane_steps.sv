// token_lane_steps: what one operand adds to a lane's sum, for each kind of step.
//
//   score    |q - k|, q of 16 bits and k of 8
//   inhibit  sign(v) max(|v| - z', 0); v below 0 counts as 0 unless its sign counts
//   linear   + operand, - operand, or nothing
//
// and that the sum is otherwise kept, doubled, started, or cleared as it is told. The scalar's magnitude and sign come
// as row_engine.v makes them of a value; row_engine_scalar.sv proves that it does. Operand and scalar enter at 4 and
// 5, the sum follows at 7, and depends on nothing older but the sum itself: a check of five clocks from any state is
// complete.
`default_nettype none

module token_lane_steps (
    input wire               clk_i,
    input wire signed [ 7:0] a_i,
    input wire signed [15:0] s_i,
    input wire signed [ 7:0] scalar_i,
    input wire               skip_i,
    input wire               subtract_i,
    input wire               step_i,
    input wire               double_i,
    input wire               clear_i,
    input wire        [23:0] start_i
);
  // Still during an operation; neither: linear.
  (* anyconst *) wire score, inhibit, signed_values, from_a;
  wire linear = !score && !inhibit;
  wire negative = scalar_i < 0;
  wire [7:0] magnitude = !negative ? scalar_i : signed_values ? -scalar_i : 8'd0;
  wire [8:0] scalar = score ? {scalar_i[7], scalar_i} : inhibit ? {1'b0, magnitude} : 9'd0;
  wire [15:0] unused_y;
  (* hierconn *) wire [23:0] \dut.sum_q ;

  always @* assume (!(score && inhibit));

  token_lane dut (
      .clk_i(clk_i),
      .a_i(a_i),
      .s_i(s_i),
      .from_a_i(from_a),
      .scalar_i(scalar),
      .skip_i(linear && skip_i),
      .threshold_i(inhibit),
      .absolute_i(score),
      .negate_i(linear ? subtract_i : inhibit && negative),
      .times_i(3'd0),
      .step_i(step_i),
      .double_i(double_i),
      .last_i(1'b0),
      .clear_i(clear_i),
      .start_i(start_i),
      .normalise_i(1'b0),
      .recall_i(1'b0),
      .load_i(1'b0),
      .shift_i(5'd0),
      .byte_i(2'd0),
      .add_residual_i(1'b0),
      .centre_i(1'b0),
      .raw_i(1'b0),
      .relu_i(1'b0),
      .mask_i(1'b0),
      .high_i(10'd0),
      .segment_i(4'd0),
      .key_i(5'd0),
      .forget_i(1'b0),
      .track_i(1'b0),
      .y_o(unused_y)
  );

  // A step beside a doubling or a start: both sums are free modulo 2^24, and a start comes when the sum is 0.
  reg signed [23:0] operand5, addend6;
  wire signed [23:0] value = scalar_i;
  wire signed [23:0] apart = operand5 - value;
  wire signed [23:0] left = (negative ? -value : value) - operand5;
  wire signed [23:0] kept = left < 0 || (negative && !signed_values) ? 24'sd0 : left;
  wire signed [23:0] sum = \dut.sum_q ;
  wire signed [23:0] before = double_i ? sum + sum : sum;
  reg signed [23:0] expected7;
  reg [1:0] clock = 0;

  always @* assume (!inhibit || operand5 >= 0); // scores are not negative
  always @* assume (!step_i || start_i == 24'd0 || (before & start_i) == 24'd0);

  always @(posedge clk_i) begin
    operand5 <= from_a ? a_i : s_i;
    addend6  <= score ? (apart < 0 ? -apart : apart)
        : inhibit ? (negative ? -kept : kept)
        : skip_i ? 24'sd0 : subtract_i ? operand5 : -operand5;
    expected7 <= clear_i ? 24'sd0 : step_i ? before + $signed(start_i) + addend6 : sum;
    if (clock != 2'd3) clock <= clock + 2'd1;
    if (clock == 2'd3) assert (sum == expected7);
  end
endmodule

`default_nettype wire
