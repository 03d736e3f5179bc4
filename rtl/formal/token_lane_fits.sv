// token_lane_fits: 24 bits of sum are enough for every row that the compiler lets pass.
//
// Beside the lane runs a sum of 27 bits. Equal to it is every partial sum of
//   score     up to 256 features of 8 bits, from a start of 16 bits
//   inhibit   up to 64 keys, scores of up to 15 bits
//   norm      the sum of up to 256 elements of 16 bits, or up to 4095 of 8 bits; then 15 times one of them at most
// with no more assumed than those sizes. A linear row may pass its limits on the way and come back: sums are exact modulo
// 2^24, so the result is exact whenever the whole row's sum fits, and `hwsim check` proves more, that every partial
// sum does.
`default_nettype none

module token_lane_fits (
    input wire               clk_i,
    input wire signed [ 7:0] a_i,
    input wire signed [15:0] s_i,
    input wire signed [ 7:0] scalar_i,
    input wire               skip_i,
    input wire               negate_i,
    input wire        [ 2:0] times_i,
    input wire               step_i,
    input wire               double_i,
    input wire               last_i,
    input wire               clear_i,
    input wire signed [23:0] start_i
);
  localparam [2:0] Linear = 3'd0, Score = 3'd1, Inhibit = 3'd2, NormSum = 3'd3, Multiply = 3'd4;
  (* anyconst *) wire [2:0] kind;
  (* anyconst *) wire from_a;
  wire [8:0] scalar = kind == Score ? {scalar_i[7], scalar_i} : kind == Inhibit ? {1'b0, scalar_i} : 9'd0;
  wire [15:0] unused_y;
  (* hierconn *) wire [23:0] \dut.sum_q ;
  (* hierconn *) wire [23:0] \dut.result_q ;
  (* hierconn *) wire [16:0] \dut.step_q ;
  (* hierconn *) wire \dut.negate_q ;
  (* hierconn *) wire [15:0] \dut.operand_q ;
  wire signed [23:0] sum = \dut.sum_q ;
  wire signed [23:0] result = \dut.result_q ;
  wire signed [16:0] step = \dut.step_q ;
  wire signed [15:0] operand = \dut.operand_q ;

  token_lane dut (
      .clk_i(clk_i),
      .a_i(a_i),
      .s_i(s_i),
      .from_a_i(from_a),
      .scalar_i(scalar),
      .skip_i(skip_i),
      .threshold_i(kind == Inhibit),
      .absolute_i(kind == Score || kind == NormSum),
      .negate_i(negate_i),
      .times_i(kind == Multiply ? times_i : 3'd0),
      .step_i(step_i),
      .double_i(double_i),
      .last_i(last_i),
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

  // What operations bring: symmetric activations, scores and magnitudes that are not negative, so many steps a row.
  reg [12:0] steps; // of this row
  wire [12:0] most = kind == Score ? 13'd256 : kind == Inhibit ? 13'd64 : kind == Multiply ? 13'd4
      : from_a ? 13'd4095 : 13'd256;

  always @* begin
    assume (kind <= Multiply && a_i != -8'sd128 && s_i != -16'sd32768 && scalar_i != -8'sd128);
    if (kind == Score) assume (s_i >= -16'sd127 && s_i <= 16'sd127 && !negate_i);
    if (kind == Inhibit) assume (s_i >= 0 && scalar_i >= 0);
    if (kind == Score || kind == Inhibit) assume (!from_a);
    if (kind == NormSum) assume (!negate_i);
    if (kind == Multiply) assume (negate_i);
    if (kind != Linear) begin
      assume (double_i == (kind == Multiply && steps != 13'd0));
      assume (!step_i || clear_i || steps < most);
      assume (start_i == 24'sd0 || (kind == Score && steps == 13'd0 && start_i >= -24'sd32768 && start_i < 24'sd32768));
    end
    // A start comes when the sum is 0, or, one bit of a bias, after a doubling.
    assume (step_i || (!last_i && start_i == 24'sd0));
    assume (start_i == 24'sd0 || steps == 13'd0 || (double_i && start_i == 24'sd1));
  end

  reg signed [26:0] wide, wide_result;
  wire signed [26:0] wide_next = (double_i ? wide + wide : wide) + start_i + (\dut.negate_q ? -step : step);
  wire signed [26:0] count = steps;
  wire signed [26:0] reach = kind == Score ? 27'sd32768 + 27'sd254 * count : kind == Inhibit ? 27'sd127 * count
      : kind == NormSum ? (from_a ? 27'sd127 : 27'sd32767) * count
      : steps == 13'd0 ? 27'sd0 : 27'sd32767 * ((27'sd1 <<< steps[2:0]) - 27'sd1);
  reg [1:0] clock = 0;
  wire settled = clock == 2'd3;

  always @* assume (settled || (clear_i && last_i && step_i && start_i == 24'sd0));

  always @(posedge clk_i) begin
    if (!settled) clock <= clock + 2'd1;
    if (clear_i) steps <= 13'd0;
    else if (step_i && (kind != Linear || steps == 13'd0)) steps <= steps + 13'd1;
    if (clear_i) wide <= 27'sd0;
    else if (step_i) wide <= wide_next;
    if (last_i) wide_result <= wide_next;
  end

  always @* begin
    if (settled) begin
      if (kind == Score) assert (operand >= -16'sd127 && operand <= 16'sd127 && step >= -17'sd254 && step <= 17'sd254);
      else if (kind == Inhibit) assert (operand >= 16'sd0 && step >= 17'sd0 && step <= 17'sd127);
      else if (from_a) assert (operand >= -16'sd127 && operand <= 16'sd127 && step >= -17'sd127 && step <= 17'sd127);
      else assert (operand != -16'sd32768 && step >= -17'sd32767 && step <= 17'sd32767);
      assert (steps != 13'd0 || wide == 27'sd0);
      if (kind == Linear) begin
        assert (wide[23:0] == sum);
        assert (wide_result[23:0] == result);
        if (wide_result >= -27'sd8388608 && wide_result < 27'sd8388608) assert (wide_result == result);
      end else begin
        assert (steps <= most && wide <= reach && -wide <= reach);
        assert (wide == sum);
      end
    end
  end
endmodule

`default_nettype wire
