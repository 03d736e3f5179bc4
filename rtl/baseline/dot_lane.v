// dot_lane: the arithmetic of one token in the dot-product baseline: a multiplier instead of |q - k| and a threshold.
//
//   step = scalar * operand; or the operand, passed (norm, centre)
//   sum  = sum (doubled if double_i) | start +- step
//
// The scalar is a weight (linear), a key's feature (score, subtracted: scores are stored with their sign changed, so
// that the largest is the smallest) or a value (weigh). A softmax is: centre (score - smallest, 127 for padding), then a
// norm of exponentials, which a table makes of the operand if exponential_i. The norm and the way out are those of
// token_lane.v; the multiplier takes three clocks where that lane has one, so stages from 8 on are two later.
`default_nettype none

module dot_lane #(
    parameter integer Hard = 0
) (
    input  wire        clk_i,
    // Operand, from 4 to 5.
    input  wire [ 7:0] a_i,
    input  wire [15:0] s_i,
    input  wire        from_a_i,
    input  wire        exponential_i,
    // At 5.
    input  wire [ 7:0] scalar_i,
    input  wire        pass_i,
    // At 7.
    input  wire        skip_i,
    input  wire        absolute_i,  // a passed operand is made positive
    input  wire        negate_i,
    input  wire [ 2:0] times_i,
    // At 8.
    input  wire        step_i,
    input  wire        double_i,
    input  wire        last_i,      // the row is complete
    input  wire        clear_i,     // the next row starts from 0
    input  wire [23:0] start_i,     // 0 but in the first step of a row
    input  wire        normalise_i,
    input  wire        recall_i,
    input  wire        load_i,
    input  wire [ 4:0] shift_i,
    // Way out.
    input  wire [ 1:0] byte_i,      // at 11
    input  wire        add_residual_i,
    input  wire        centre_i,
    input  wire        raw_i,
    input  wire        relu_i,
    input  wire        mask_i,
    input  wire [16:7] high_i,
    input  wire [ 3:0] segment_i,   // of this lane
    input  wire [ 4:0] key_i,       // at 12: {real, segment} of the row's key
    input  wire        forget_i,
    input  wire        track_i,     // at 15: the row is a key's score
    output wire [15:0] y_o          // at 15
);
  // The low bits of R; the fourth is always set.
  function [2:0] reciprocal;
    input [2:0] mantissa;
    case (mantissa)
      3'd0: reciprocal = 3'd7;
      3'd1: reciprocal = 3'd5;
      3'd2: reciprocal = 3'd4;
      3'd3: reciprocal = 3'd3;
      3'd4: reciprocal = 3'd2;
      3'd5: reciprocal = 3'd2;
      3'd6: reciprocal = 3'd1;
      default: reciprocal = 3'd0;
    endcase
  endfunction

  // ---- Operand (5), product (6 to 8).
  reg [15:0] operand_q;
  reg negate_q;
  reg [2:0] reciprocal_q;
  wire [6:0] exponential;
  wire [15:0] step;
  wire sign;

  exponential_table u_table (
      .distance_i(s_i[6:0]),
      .value_o(exponential)
  );

  multiplier_8x8 #(
      .Hard(Hard)
  ) u_product (
      .clk_i(clk_i),
      .a_i(operand_q[7:0]),
      .b_i(scalar_i),
      .pass_i(pass_i),
      .number_i(operand_q),
      .kill_i(skip_i || (times_i & ~reciprocal_q) != 3'd0),
      .sign_o(sign),
      .y_o(step)
  );

  always @(posedge clk_i) begin
    operand_q <= from_a_i ? {{8{a_i[7]}}, a_i} : exponential_i ? {9'd0, exponential} : s_i;
    negate_q  <= negate_i || (absolute_i && sign);
  end

  // ---- Sum (9).
  reg [23:0] sum_q, result_q;
  reg [4:0] shift_q;
  wire [23:0] sum;
  wire hold = normalise_i && sum_q[23];

  add_subtract #(
      .Width(24)
  ) u_sum (
      .a_i((double_i ? {sum_q[22:0], 1'b0} : sum_q) | start_i),
      .b_i({{8{step[15]}}, step}),
      .subtract_i(negate_q),
      .y_o(sum)
  );

  always @(posedge clk_i) begin
    if (clear_i) sum_q <= 24'd0;
    else if (step_i && !hold) sum_q <= sum;
    if (last_i) result_q <= sum;
    if (recall_i) reciprocal_q <= reciprocal(sum_q[22:20]);
    if (load_i) shift_q <= shift_i;
    else if (normalise_i && !hold && shift_q != 5'd0) shift_q <= shift_q - 5'd1;
  end

  // ---- Way out, and the smallest stored score of the sentence's own keys. Its complement goes where a residual would:
  // the program's start value of a centred row is 1.
  reg [13:11] differs_q;
  reg [15:0] minimum_q;

  always @(posedge clk_i) begin
    differs_q <= {differs_q[12:11], key_i != {1'b1, segment_i}};
    if (forget_i) minimum_q <= 16'h7fff;
    else if (track_i && !differs_q[13] && $signed(y_o) < $signed(minimum_q)) minimum_q <= y_o;
  end

  lane_output u_output (
      .clk_i(clk_i),
      .result_i(result_q),
      .shift_i(shift_q),
      .byte_i(byte_i),
      .residual_i(centre_i ? ~minimum_q : s_i),
      .minimum_i(15'd0),
      .differs_i(differs_q[11]),
      .add_residual_i(add_residual_i || centre_i),
      .centre_i(1'b0),
      .raw_i(raw_i),
      .relu_i(relu_i),
      .mask_i(mask_i),
      .high_i(high_i),
      .y_o(y_o)
  );
endmodule

`default_nettype wire
